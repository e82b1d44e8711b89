// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "elbo/core/family.h"
#include "elbo/prob/distribution.h"
#include "elbo/tensor/batch.h"
#include "elbo/tensor/schema.h"

namespace elbo {

/// One group of latent variables as one pass over a batch saw it. Nats throughout.
struct Latent {
  std::string name;
  Tensor z;      ///< [K, B, Z]
  Tensor log_q;  ///< [K, B] log q(z|x); undefined unless PassOptions::densities
  Tensor log_p;  ///< [K, B] log p(z); likewise
  /// [B] KL(q || p) in closed form; undefined where there is none or no noise, and where
  /// kl_per_dimension adds up to it.
  Tensor kl;
  /// [B, Z] of each dimension where it separates; else undefined, unless PassOptions::marginals:
  /// then the closed-form KL of each dimension's marginals beside kl, if there is one.
  Tensor kl_per_dimension;

  bool has_closed_kl() const { return kl.defined() || kl_per_dimension.defined(); }
  bool separates() const { return kl_per_dimension.defined() && !kl.defined(); }
};

/// [B] KL(q(z|x) || p(z)) of one group: the closed form where there is one, else the mean over the
/// draws of log q - log p.
Tensor kl_of(const Latent& latent);

/// What one pass over a batch found: all that objectives, bounds and diagnostics work on.
struct Pass {
  std::vector<Latent> latents;
  Tensor log_px;                        ///< [K, B] log p(x|z)
  std::map<std::string, Tensor> terms;  ///< [B] what a kind of model adds to its loss
};

struct PassOptions {
  int64_t samples = 1;     ///< K
  bool densities = false;  ///< whether log_q and log_p are wanted
  bool marginals = false;  ///< whether kl_per_dimension is wanted even where it does not add up
};

/// q(z|x) of one group of latents for a batch.
struct Encoding {
  std::string name;
  std::shared_ptr<Distribution> q;
};

/// Any model with latents: flat, hierarchical, discrete or without noise.
class Model : public torch::nn::Module {
 public:
  /// Encodes, draws K times, decodes. Throws Error(Code::usage) where K draws or densities make no
  /// sense for the model.
  virtual Pass pass(const Batch& batch, Rng& rng, const PassOptions& options) = 0;
  /// The posterior; its mean is the answer to "embed".
  virtual std::vector<Encoding> encode(const Batch& batch, Rng& rng) = 0;
  /// p(x|z) for one z [.., N, Z] for each group.
  virtual std::unique_ptr<Distribution> decode(const std::vector<Tensor>& z, Rng& rng) = 0;
  /// n draws from the prior, one [n, Z] for each group; deviations from the mean are scaled by
  /// temperature.
  virtual std::vector<Tensor> sample_prior(Rng& rng, int64_t n, double temperature = 1) = 0;
  /// The number of latent dimensions of each group.
  virtual std::vector<int64_t> latent_sizes() const = 0;
  /// Whether the posterior is a distribution with a KL: false for a plain autoencoder.
  virtual bool is_variational() const = 0;
  /// Likelihood::is_density.
  virtual bool has_density() const = 0;
  /// Throws Error(Code::data) unless x can be observed under the likelihood.
  virtual void check_support(const Batch& batch) const = 0;
  /// Starts from training examples before the first step: output bias, priors made of data, linear
  /// paths fitted in closed form. Returns whether what it starts as is a fitted model already,
  /// which training may fail to better.
  virtual bool start_from(const Batch& batch, Rng& rng) = 0;
};

/// The description of a model: enough, with a Schema, to build it.
struct ModelOptions {
  Part kind = "vae";
  int64_t latent = 20;
  Part encoder = "mlp";
  Part decoder = "mirror";
  Part posterior = "diagonal";
  Part prior = "normal";
  Part likelihood = "bernoulli";
  bool output_bias = true;
  bool linear = false;
  void fields(Fields& f);
};

/// Kinds of model.
const Family<std::shared_ptr<Model>, const ModelOptions&, const Schema&, Rng&>& model_kinds();

/// Builds a model with fresh weights. Throws Error(Code::usage) for combinations that make no
/// sense.
std::shared_ptr<Model> make_model(const ModelOptions& options, const Schema& schema, Rng& rng);

int64_t parameter_count(const torch::nn::Module& module);

/// The posterior means of all groups side by side, [B, sum of Z].
Tensor posterior_mean(const std::vector<Encoding>& encodings);
/// Splits [.., sum of Z] into one tensor for each group.
std::vector<Tensor> split_latents(const Tensor& z, const std::vector<int64_t>& sizes);

}  // namespace elbo
