// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/nets/network.h"

namespace elbo {

struct ConvOptions {
  std::vector<int64_t> channels = {32, 64};
  int64_t kernel = 4;
  int64_t stride = 2;
  std::vector<int64_t> dense = {256};
  std::string activation = "relu";
  std::string norm = "none";
  double dropout = 0;
  std::string init = "he";
  void fields(Fields& f);
};

/// Strided convolutions and then dense layers, from images {C, H, W} to a vector; or, where the
/// output is a stack of images {P, C, H, W}, the mirror of that: dense layers and then transposed
/// convolutions, the channels in reverse. Any image size: the mirror pads to meet it exactly.
/// Throws Error(Code::usage) when neither side is an image, or the image is too small.
std::shared_ptr<Network> make_conv(const ConvOptions& options, const NetworkContext& context,
                                   Rng& rng);

}  // namespace elbo
