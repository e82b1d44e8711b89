// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "elbo/models/model.h"
#include "elbo/nets/layers.h"
#include "elbo/tensor/random.h"

// What the tests of this folder need; no other code includes it.
namespace elbo::fused::testing {

/// A flat VAE and a batch for it.
struct VaeCase {
  ModelOptions model;
  int64_t columns = 1, rows = 1, samples = 1;
  double density = 1;  ///< share of elements of x that are not 0
  bool has_mask = false, has_other_input = false;
  uint64_t seed = 0;

  std::string text() const {
    return fmt::format(
        "seed {}: {} columns, {} rows, {} samples, density {:.1f}{}{}, latent {}, {} / {} / {}, "
        "encoder {}, decoder {}",
        seed, columns, rows, samples, density, has_mask ? ", mask" : "",
        has_other_input ? ", input" : "", model.latent, model.posterior.type, model.likelihood.type,
        to_json(model.likelihood.options), to_json(model.encoder.options),
        to_json(model.decoder.options));
  }

  /// In evaluation mode, with weights of every sign and size, biases and scales included.
  std::shared_ptr<Model> make() const {
    Schema schema;
    schema.shape = {columns};
    Rng start(seed, "init"), rng(seed, "weights");
    std::shared_ptr<Model> out = make_model(model, schema, start);
    at::NoGradGuard no_grad;
    for (Tensor& p : out->parameters()) p.add_(normal(rng, p.sizes()), 0.1);
    out->eval();
    return out;
  }

  Batch batch() const {
    Rng rng(seed, "batch");
    Batch out;
    Tensor present = uniform(rng, {rows, columns}) < density;
    out.x = uniform(rng, {rows, columns}) * present;
    if (has_mask) {
      out.mask = (uniform(rng, {rows, columns}) < 0.7).to(at::kFloat);
      out.x = out.x * out.mask;
    }
    if (has_other_input) out.input = uniform(rng, {rows, columns}) * present;
    return out;
  }
};

/// Draws cases: every activation, posterior and likelihood, and awkward sizes.
class Draw {
 public:
  explicit Draw(uint64_t seed) : rng_(seed, "cases"), seed_(seed) {}

  VaeCase operator()() {
    VaeCase c;
    c.seed = seed_;
    c.columns = whole(1, 70), c.rows = whole(1, 140), c.samples = whole(1, 6);
    c.density = chance(0.5) ? 0.1 : 1;
    c.has_mask = chance(0.3), c.has_other_input = chance(0.2);
    c.model.latent = whole(1, 40);
    c.model.posterior = pick<std::string>({"diagonal", "full", "point"});
    if (chance(0.5)) {
      c.model.likelihood = Part("gaussian");
      c.model.likelihood.options["scale"] = pick<std::string>({"fixed", "learned", "element"});
    }
    c.model.encoder = network();
    if (chance(0.5)) c.model.decoder = network();
    return c;
  }

 private:
  int64_t whole(int64_t from, int64_t to) {
    return from + static_cast<int64_t>(rng_.below(static_cast<uint64_t>(to - from + 1)));
  }
  bool chance(double p) { return rng_.uniform() < p; }
  template <class T>
  T pick(const std::vector<T>& from) {
    return from[rng_.below(from.size())];
  }
  Part network() {
    std::vector<int64_t> sizes(rng_.below(3));
    for (int64_t& s : sizes) s = whole(1, 70);
    Part out("mlp");
    out.options["sizes"] = Value::list<int64_t>(sizes);
    out.options["activation"] = pick(activation_names());
    out.options["dropout"] = chance(0.3) ? 0.4 : 0.0;
    return out;
  }

  Rng rng_;
  uint64_t seed_;
};

}  // namespace elbo::fused::testing
