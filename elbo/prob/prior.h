// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "elbo/core/family.h"
#include "elbo/prob/distribution.h"

namespace elbo {

/// The encoder as a prior sees it: q(z|x) for x [N, event...] as the model takes it.
using EncodeFn = std::function<std::unique_ptr<Distribution>(const Tensor& x)>;

/// What z is before x is seen. A prior may have parameters of its own and may call the encoder.
class Prior : public torch::nn::Module {
 public:
  /// p(z), with an empty batch: a distribution over [Z], of the device and type in `options`.
  virtual std::unique_ptr<Distribution> given(const EncodeFn& encode,
                                              at::TensorOptions options) const = 0;
  /// Starts from training examples x [N, event...] before the first step, for priors that need it.
  virtual void start_from(const Tensor& /*x*/, Rng&) {}
};

/// Made for Z latent dimensions.
const Family<std::shared_ptr<Prior>, int64_t>& priors();

}  // namespace elbo
