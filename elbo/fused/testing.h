// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "elbo/models/model.h"
#include "elbo/nets/layers.h"
#include "elbo/prob/likelihood.h"
#include "elbo/tensor/random.h"

// What the tests of the fused engine need, here and in train/; no other code includes it.
namespace elbo::fused::testing {

/// A flat VAE and a batch for it.
struct VaeCase {
  ModelOptions model;
  std::vector<int64_t> shape = {1};  ///< of an example
  int64_t rows = 1, samples = 1;
  double density = 1;  ///< share of elements of x that are not 0
  bool has_mask = false, has_other_input = false;
  uint64_t seed = 0;

  std::string text() const {
    return fmt::format(
        "seed {}: shape {}, {} rows, {} samples, density {:.1f}{}{}, latent {}, {} / {} / {}, "
        "encoder {}, decoder {}",
        seed, fmt::join(shape, "x"), rows, samples, density, has_mask ? ", mask" : "",
        has_other_input ? ", input" : "", model.latent, model.posterior.type, model.likelihood.type,
        to_json(model.likelihood.options), to_json(model.encoder.options),
        to_json(model.decoder.options));
  }

  /// With weights of every sign and size, biases, scales and running statistics included, but no
  /// sums so large that rounding decides.
  std::shared_ptr<Model> make() const {
    Schema schema;
    schema.shape = shape;
    if (shape.size() == 3) schema.kind = "image";
    Rng start(seed, "init"), rng(seed, "weights");
    std::shared_ptr<Model> out = make_model(model, schema, start);
    at::NoGradGuard no_grad;
    for (Tensor& p : out->parameters()) {
      int64_t summed = p.dim() > 1 ? p.numel() / p.size(0) : 1;
      p.add_(normal(rng, p.sizes()), std::min(0.1, 0.5 / std::sqrt(static_cast<double>(summed))));
    }
    for (Tensor& b : out->buffers()) {
      if (b.dim() > 0) b.add_(uniform(rng, b.sizes()));
    }
    return out;
  }

  Batch batch() const {
    std::vector<int64_t> all = shape;
    all.insert(all.begin(), rows);
    Rng rng(seed, "batch");
    Batch out;
    Tensor present = uniform(rng, all) < density;
    out.x = uniform(rng, all) * present;
    if (has_mask) {
      out.mask = (uniform(rng, all) < 0.7).to(at::kFloat);
      out.x = out.x * out.mask;
    }
    if (has_other_input) out.input = uniform(rng, all) * present;
    return out;
  }
};

/// Draws cases: every network, norm, activation, posterior and likelihood, and awkward sizes.
class Draw {
 public:
  explicit Draw(uint64_t seed, const char* stream = "cases") : rng_(seed, stream), seed_(seed) {}

  VaeCase operator()() {
    VaeCase c;
    c.seed = seed_;
    bool has_images = chance(0.4);
    if (has_images) {
      c.shape = {whole(1, 3), whole(7, 19), whole(7, 19)}, c.rows = whole(1, 70);
    } else {
      c.shape = {whole(1, 70)}, c.rows = whole(1, 140);
    }
    c.samples = whole(1, 6);
    c.density = chance(0.5) ? 0.1 : 1;
    c.has_mask = chance(0.3), c.has_other_input = chance(0.2);
    c.model.latent = whole(1, 40);
    c.model.posterior = pick<std::string>({"diagonal", "full", "point"});
    c.model.likelihood = likelihood();
    c.model.encoder = has_images ? convolutions() : network();
    if (chance(0.5)) c.model.decoder = has_images && chance(0.6) ? convolutions() : network();
    return c;
  }

  int64_t whole(int64_t from, int64_t to) {
    return from + static_cast<int64_t>(rng_.below(static_cast<uint64_t>(to - from + 1)));
  }
  bool chance(double p) { return rng_.uniform() < p; }
  template <class T>
  T pick(const std::vector<T>& from) {
    return from[rng_.below(from.size())];
  }

 private:
  /// From numbers of its own, so that a new likelihood leaves the rest as it was.
  Part likelihood() {
    Draw own(seed_, "likelihood");
    Part out = own.pick(likelihoods().names());
    if (out.type == "gaussian") {
      out.options["scale"] = own.pick<std::string>({"fixed", "learned", "element"});
      out.options["value"] = 0.2 * static_cast<double>(own.whole(1, 10));
    }
    return out;
  }
  Part network() {
    Part out("mlp");
    add_common(out, "sizes", 2, 70);
    return out;
  }
  Part convolutions() {
    Part out("conv");
    std::vector<int64_t> channels(1 + rng_.below(2));
    for (int64_t& c : channels) c = whole(1, 20);
    out.options["channels"] = Value::list<int64_t>(channels);
    out.options["kernel"] = whole(1, 5), out.options["stride"] = whole(1, 3);
    add_common(out, "dense", 1, 40);
    return out;
  }
  /// The norm of a few values has next to no gradient, and rounding would decide.
  void add_common(Part& out, const char* key, uint64_t most_layers, int64_t widest) {
    out.options["activation"] = pick(activation_names());
    auto norm = pick<std::string>({"none", "none", "batch", "layer"});
    std::vector<int64_t> sizes(rng_.below(most_layers + 1));
    for (int64_t& s : sizes) s = whole(norm == "layer" ? 8 : 1, widest);
    out.options[key] = Value::list<int64_t>(sizes);
    out.options["norm"] = norm;
    out.options["dropout"] = chance(0.3) ? 0.4 : 0.0;
  }

  Rng rng_;
  uint64_t seed_;
};

}  // namespace elbo::fused::testing
