// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "elbo/tensor/torch.h"

namespace elbo::sequential {

/// A convolution from images {in, in_height, in_width} to {out, out_height, out_width}.
struct ConvSpec {
  int64_t in, in_height, in_width, out, out_height, out_width;
  int64_t kernel, stride, padding;
  bool mirrored;  ///< transposed: the gradient of the convolution that goes the other way
};

constexpr double kNormEpsilon = 1e-5;  ///< added to variances
constexpr double kNormMomentum = 0.1;  ///< of the running statistics

/// Normalisation of what a layer's product puts out.
struct NormSpec {
  std::string kind;                  ///< batch or layer, as in nets/layers.h
  Tensor weight, bias;               ///< [channels], or of an example's shape for layer
  Tensor running_mean, running_var;  ///< [channels], for batch
};

/// A layer of a network that is a sequence of them: dropout(activation(norm(x weight^T + bias))),
/// or with a convolution instead of the product. Its tensors are the network's own.
struct LayerSpec {
  Tensor weight, bias;  ///< [out, in], [out]; of a convolution as nets/layers.h has them
  std::optional<NormSpec> norm = {};
  std::string activation = "none";
  double dropout = 0;
  std::optional<ConvSpec> conv = {};
  std::vector<int64_t> image = {};  ///< {C, H, W} where what a product puts out is one
};

}  // namespace elbo::sequential
