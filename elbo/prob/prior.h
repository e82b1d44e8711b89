// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "elbo/core/family.h"
#include "elbo/prob/distribution.h"

namespace elbo {

/// The encoder as a prior sees it: q(z|x) for x [N, event...] as networks are shown it.
using EncodeFn = std::function<std::unique_ptr<Distribution>(const Tensor& x)>;

/// What z is before x is seen. A prior may have parameters of its own and may call the encoder.
class Prior : public torch::nn::Module {
 public:
  /// p(z), with an empty batch: a distribution over [Z], of the device and type in `options`.
  virtual std::unique_ptr<Distribution> given(const EncodeFn& encode,
                                              at::TensorOptions options) const = 0;
  /// Whether p(z) is N(0, I) whatever given() is told, so that nobody need ask.
  virtual bool is_standard_normal() const { return false; }
  /// Whether it is made of posteriors and needs their density.
  virtual bool needs_density() const { return false; }
  /// Starts from training examples x [N, shown...] before the first step, for priors that need it.
  virtual void start_from(const Tensor& /*x*/, Rng&) {}
};

/// What a prior is made for.
struct PriorContext {
  int64_t latent;              ///< dimensions Z
  std::vector<int64_t> shown;  ///< shape of an example as networks are shown it
};

const Family<std::shared_ptr<Prior>, const PriorContext&>& priors();

}  // namespace elbo
