// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/tensor/torch.h"

namespace elbo {

/// Mean and variance of numbers that arrive a batch at a time, in float64.
/// Chan, Golub & LeVeque 1979: exact updates, no difference of large sums.
class Moments {
 public:
  /// values [B, ...]: B further observations of a tensor [...]. On any device, without gradient.
  void add(const Tensor& values);
  int64_t count() const { return count_; }
  /// [...] f64 on the CPU; undefined before the first observation.
  const Tensor& mean() const { return mean_; }
  /// sum (v - mean)^2 / (count - ddof), [...] f64; NaN where count <= ddof.
  Tensor variance(int64_t ddof = 1) const;
  /// sqrt(variance / count) of the mean of numbers (values [B]); NaN for a single one.
  double standard_error() const;

 private:
  int64_t count_ = 0;
  Tensor mean_, spread_;  // spread: sum of squared deviations from the mean
};

}  // namespace elbo
