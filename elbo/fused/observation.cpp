// SPDX-License-Identifier: Apache-2.0
#include "elbo/fused/observation.h"

#include <algorithm>

namespace elbo::fused {

Observation::Observation(const LikelihoodKernels& kernels, Signal& parameters, int64_t elements,
                         Parameter own)
    : kernels_(kernels), parameters_(parameters), elements_(elements), own_(own) {}

void Observation::reserve(int64_t rows) {
  log_px_.resize(static_cast<size_t>(rows));
  own_gradient_.resize(static_cast<size_t>(rows));
}

void Observation::forward(const Work& w) {
  constexpr int64_t kRows = 4;
  w.team.each((w.rows + kRows - 1) / kRows, [&](int, int64_t turn) {
    for (int64_t r = turn * kRows; r < std::min(w.rows, (turn + 1) * kRows); ++r) {
      LikelihoodRow row;
      row.parameters = parameters_.value + r * parameters_.width;
      row.x = x_ + r * elements_;
      row.mask = mask_ ? mask_ + r * elements_ : nullptr;
      row.elements = elements_;
      row.own = own_.value ? *own_.value : 0;
      row.scale = 1 / static_cast<float>(w.rows);
      double& own = own_gradient_[size_t(r)] = 0;
      log_px_[size_t(r)] =
          kernels_.row(row, parameters_.gradient.data() + r * parameters_.width, &own);
    }
  });
}

/// The gradient was found on the way forward; only the sum of the own parameter's is left to do.
void Observation::backward(const Work& w) {
  if (!own_.gradient) return;
  double sum = 0;
  for (int64_t r = 0; r < w.rows; ++r) sum += own_gradient_[size_t(r)];
  *own_.gradient = static_cast<float>(sum);
}

double Observation::reconstruction(int64_t rows) const {
  double sum = 0;
  for (int64_t r = 0; r < rows; ++r) sum -= log_px_[size_t(r)];
  return sum / static_cast<double>(rows);
}

}  // namespace elbo::fused
