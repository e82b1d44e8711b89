// SPDX-License-Identifier: Apache-2.0
#include "elbo/eval/moments.h"

#include <cmath>
#include <limits>

namespace elbo {

void Moments::add(const Tensor& values) {
  int64_t n = values.size(0);
  if (n == 0) return;
  Tensor v = values.detach().to(at::kCPU, at::kDouble);
  Tensor mean = v.mean(0), spread = (v - mean).square().sum(0);
  if (count_ == 0) {
    mean_ = mean, spread_ = spread, count_ = n;
    return;
  }
  double before = static_cast<double>(count_), added = static_cast<double>(n);
  Tensor delta = mean - mean_;
  spread_ = spread_ + spread + delta.square() * (before * added / (before + added));
  mean_ = mean_ + delta * (added / (before + added));
  count_ += n;
}

Tensor Moments::variance(int64_t ddof) const {
  if (count_ <= ddof) return at::full_like(mean_, std::numeric_limits<double>::quiet_NaN());
  return spread_ / static_cast<double>(count_ - ddof);
}

double Moments::standard_error() const {
  return std::sqrt(variance().item<double>() / static_cast<double>(count_));
}

}  // namespace elbo
