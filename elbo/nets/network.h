// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "elbo/core/family.h"
#include "elbo/core/rng.h"
#include "elbo/tensor/torch.h"

namespace elbo {

/// A convolution in a chain, from images {in, in_height, in_width} to {out, out_height, out_width}.
struct ChainConv {
  int64_t in, in_height, in_width, out, out_height, out_width;
  int64_t kernel, stride, padding;
  bool mirrored;  ///< transposed: the gradient of the convolution that goes the other way
};

class Norm;  // nets/layers.h

/// A layer of a network that is a chain of them: dropout(activation(norm(x weight^T + bias))), or
/// with a convolution instead of the product.
struct ChainLayer {
  Tensor weight, bias;  ///< [out, in], [out], or as in nets/layers.h's Conv: the network's own
  const Norm* norm = nullptr;  ///< null for none
  std::string activation = "none";
  double dropout = 0;
  std::optional<ChainConv> conv = {};
  std::vector<int64_t> image = {};  ///< {C, H, W} where what a product puts out is one
};

/// A map from tensor to tensor. It knows its shapes, never what its output means.
class Network : public torch::nn::Module {
 public:
  /// x [N, in...] to [N, out...]. The Rng serves dropout and its kin while training.
  virtual Tensor forward(const Tensor& x, Rng& rng) = 0;
  /// Whether this is a decoder that is shown what x is so far. If so it is called through
  /// forward_after, and its output for step t of the event's first dimension depends on earlier
  /// steps of `previous` [N, event...], as the likelihood shows it, alone.
  virtual bool is_autoregressive() const { return false; }
  virtual Tensor forward_after(const Tensor& z, const Tensor& /*previous*/, Rng& rng) {
    return forward(z, rng);
  }
  /// forward_after() as models call it: its products take factors of bf16 where MixedPrecision
  /// (tensor/mixed_precision.h) is on, and what comes out is of x's type all the same.
  Tensor run(const Tensor& x, const Tensor& previous, Rng& rng);
  /// Its layers, if it is a chain of them: what an engine with code of its own can run.
  virtual std::vector<ChainLayer> chain() const { return {}; }
  /// Sets the bias of the last layer. bias [out...].
  virtual void set_output_bias(const Tensor& bias) = 0;
};

/// What a network is made for.
struct NetworkContext {
  std::vector<int64_t> in, out;  ///< shapes of one example; images {C, H, W}
  bool mirrored = false;         ///< turned round: a decoder made from its encoder's options
};

/// Made with a generator for the initial weights.
const Family<std::shared_ptr<Network>, const NetworkContext&, Rng&>& networks();

}  // namespace elbo
