// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "elbo/nets/layers.h"
#include "elbo/nets/network.h"
#include "elbo/tensor/random.h"

// Networks drawn for tests, here and above; no other code includes it.
namespace elbo::testing {

/// A network with every sign and size of weight, and rows for it.
struct NetworkCase {
  Part part = "mlp";
  NetworkContext context;
  int64_t rows = 1;
  double density = 1;  ///< share of elements of x that are not 0
  uint64_t seed = 0;

  std::string text() const {
    return fmt::format("seed {}: {} rows of {}, density {:.1f}, to {}, {} {}", seed, rows,
                       fmt::join(context.in, "x"), density, fmt::join(context.out, "x"), part.type,
                       to_json(part.options));
  }

  std::shared_ptr<Network> make() const {
    Rng start(seed, "init"), rng(seed, "weights");
    std::shared_ptr<Network> out = networks().make(part, context, start);
    at::NoGradGuard no_grad;
    for (Tensor& p : out->parameters()) {
      int64_t summed = p.dim() > 1 ? p.numel() / p.size(0) : 1;
      p.add_(normal(rng, p.sizes()), std::min(0.1, 0.5 / std::sqrt(static_cast<double>(summed))));
    }
    for (Tensor& b : out->buffers()) b.add_(uniform(rng, b.sizes()));
    return out;
  }

  Tensor x() const {
    std::vector<int64_t> shape = context.in;
    shape.insert(shape.begin(), rows);
    Rng rng(seed, "rows");
    return uniform(rng, shape) * (uniform(rng, shape) < density);
  }
};

/// Draws cases: both ways round, every network, norm, activation and dropout, and awkward sizes.
class DrawNetwork {
 public:
  explicit DrawNetwork(uint64_t seed) : rng_(seed, "cases"), seed_(seed) {}

  NetworkCase operator()() {
    NetworkCase c;
    c.seed = seed_;
    bool has_images = chance(0.5), is_decoder = chance(0.5);
    std::vector<int64_t> flat = {whole(1, 70)}, data = {whole(1, 70)};
    if (has_images) data = {whole(1, 3), whole(7, 19), whole(7, 19)};
    c.context = {is_decoder ? flat : data, is_decoder ? data : flat, is_decoder};
    if (is_decoder) c.context.out.insert(c.context.out.begin(), whole(1, 2));
    c.rows = whole(1, has_images ? 70 : 140);
    c.density = chance(0.5) ? 0.1 : 1;
    c.part = has_images && chance(0.7) ? convolutions() : dense();
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
  Part dense() {
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
  void add_common(Part& out, const char* key, uint64_t most_layers, int64_t widest) {
    out.options["activation"] = pick(activation_names());
    out.options["norm"] = pick<std::string>({"none", "none", "batch", "layer"});
    std::vector<int64_t> sizes(rng_.below(most_layers + 1));
    for (int64_t& s : sizes) s = whole(1, widest);
    out.options[key] = Value::list<int64_t>(sizes);
    out.options["dropout"] = chance(0.3) ? 0.4 : 0.0;
  }

  Rng rng_;
  uint64_t seed_;
};

}  // namespace elbo::testing
