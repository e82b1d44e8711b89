// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "elbo/data/dataset.h"
#include "elbo/models/model.h"
#include "elbo/prob/normal.h"
#include "elbo/tensor/convert.h"
#include "elbo/tensor/random.h"

namespace elbo {

/// A table in memory; x [N, D], mask [N, D] u8 or undefined.
inline DatasetPtr table_of(const Tensor& x, const Tensor& mask = {}, const Tensor& y = {}) {
  RawSet set{to_array(x.to(at::kFloat)), {}, {}};
  if (mask.defined()) set.mask = to_array(mask);
  if (y.defined()) set.y = to_array(y);
  Schema schema;
  schema.name = "problem";
  schema.shape = {x.size(1)};
  return make_dataset(set, schema);
}

/// A model whose encoder and decoder are one linear map each.
inline std::shared_ptr<Model> linear_model(int64_t latent, int64_t columns, const char* posterior,
                                           Part likelihood) {
  Value linear = Value::table();
  linear["sizes"] = Value::List{};
  ModelOptions options;
  options.latent = latent;
  options.encoder = Part("mlp", linear);
  options.posterior = posterior;
  options.likelihood = std::move(likelihood);
  Schema schema;
  schema.shape = {columns};
  Rng rng(1, "weights");
  return make_model(options, schema, rng);
}

inline Part fixed_gaussian(double scale) {
  Value options = Value::table();
  options["scale"] = "fixed";
  options["value"] = scale;
  return Part("gaussian", options);
}

/// Sets encoder.output or decoder.output to x -> weight x + bias.
inline void set_linear(Model& model, const std::string& network, const Tensor& weight,
                       const Tensor& bias) {
  at::NoGradGuard no_grad;
  auto parameters = model.named_parameters();
  parameters[network + ".output.weight"].copy_(weight);
  parameters[network + ".output.bias"].copy_(bias);
}

/// Another model by its own methods, not the kernels, with a note of what it was asked for.
struct Recorder : Model {
  explicit Recorder(std::shared_ptr<Model> m) : model(std::move(m)) {}
  Pass pass(const Batch& batch, Rng& rng, const PassOptions& options) override {
    draws.push_back(options.samples);
    return model->pass(batch, rng, options);
  }
  std::vector<Encoding> encode(const Batch& b, Rng& rng) override { return model->encode(b, rng); }
  std::unique_ptr<Distribution> decode(const std::vector<Tensor>& z, Rng& rng) override {
    return model->decode(z, rng);
  }
  std::vector<Tensor> sample_prior(Rng& rng, int64_t n, double temperature) override {
    return model->sample_prior(rng, n, temperature);
  }
  std::vector<int64_t> latent_sizes() const override { return model->latent_sizes(); }
  bool is_variational() const override { return model->is_variational(); }
  bool has_density() const override { return model->has_density(); }
  void check_support(const Batch& batch) const override { model->check_support(batch); }
  bool start_from(const Batch&, Rng&) override { return false; }
  std::shared_ptr<Model> model;
  std::vector<int64_t> draws;
};

/// How far a posterior is from the exact one.
struct Perturbation {
  double shift = 0;      ///< added to every mean
  double log_scale = 0;  ///< added to the logarithm of every standard deviation on L's diagonal
};

/// Probabilistic PCA: z ~ N(0, I_2), x|z ~ N(W z + b, s^2 I_4), with a full-covariance posterior
/// that is exact but for the perturbation. Then p(x) = N(b, W W^T + s^2 I) and
/// p(z|x) = N(S W^T (x - b) / s^2, S), S = (I + W^T W / s^2)^-1. Tipping & Bishop 1999, eqs. (6),
/// (7).
struct LinearGaussian {
  explicit LinearGaussian(int64_t n, Perturbation by = {}) {
    const double s = 0.7;
    Tensor w = at::tensor({1.2, -0.3, 0.4, 0.9, -0.8, 0.5, 0.1, 1.1}, at::kDouble).view({4, 2});
    Tensor b = at::tensor({0.5, -1.0, 2.0, 0.0}, at::kDouble);
    Rng rng(7, "linear gaussian");
    Tensor z = normal(rng, {n, 2}, at::kDouble), noise = normal(rng, {n, 4}, at::kDouble);
    x = (at::matmul(z, w.t()) + b + s * noise).to(at::kFloat).to(at::kDouble);
    Tensor covariance = at::matmul(w, w.t()) + s * s * at::eye(4, at::kDouble);
    log_px = FullNormal(b, at::linalg_cholesky(covariance)).log_prob(x);

    posterior_covariance = at::linalg_inv(at::eye(2, at::kDouble) + at::matmul(w.t(), w) / (s * s));
    Tensor l = at::linalg_cholesky(posterior_covariance);
    Tensor to_mean = at::matmul(posterior_covariance, w.t()) / (s * s);  // [2, 4]
    Tensor weight = at::cat({to_mean, at::zeros({3, 4}, at::kDouble)});
    Tensor bias = at::cat({by.shift - at::matmul(to_mean, b),
                           2 * (l.diagonal().log() + by.log_scale), l[1].narrow(0, 0, 1)});
    model = linear_model(2, 4, "full", fixed_gaussian(s));
    set_linear(*model, "encoder", weight, bias);
    set_linear(*model, "decoder", w, b);
    posterior_mean = at::matmul(x - b, to_mean.t()) + by.shift;
    data = table_of(x);
  }
  Tensor x;                     // [N, 4] f64
  Tensor log_px;                // [N] f64, nats
  Tensor posterior_mean;        // [N, 2] f64
  Tensor posterior_covariance;  // [2, 2] f64, of the exact posterior
  std::shared_ptr<Model> model;
  DatasetPtr data;
};

}  // namespace elbo
