// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "elbo/core/family.h"
#include "elbo/prob/distribution.h"

namespace elbo {

/// Turns what an encoder puts out into q(z|x).
class Posterior : public torch::nn::Module {
 public:
  /// Numbers the encoder puts out for each example.
  virtual int64_t params() const = 0;
  /// q(z|x) from parameters [B, params()]: a batch [B] of distributions over [Z].
  virtual std::unique_ptr<Distribution> given(const Tensor& parameters) const = 0;
};

/// Made for a number of latent dimensions Z.
const Family<std::shared_ptr<Posterior>, int64_t>& posteriors();

}  // namespace elbo
