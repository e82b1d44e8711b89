// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set. log p = x l - A(l), A(l) = ln((e^l - 1) / l),
// d(-log p)/dl = A'(l) - x. With u = |l| / 2: A = l/2 + ln(sinh(u) / u), A' = (1 + coth(l/2) -
// 2/l)/2.
#include "elbo/kernels/likelihood_logit.h"
#include "elbo/kernels/math.h"

namespace elbo::ELBO_ISA {
namespace {

/// A and A'. Near 0 the closed forms are differences of large numbers, and series take their place.
inline void normaliser(Vec l, Vec& value, Vec& slope) {
  Ints is_near = absolute(l) < 1.0f;
  Vec s = l * l * 0.25f, half = l * 0.5f, u = select(is_near, splat(0.5f), absolute(half));
  Vec near = s * (1 / 6.f - s * (1 / 180.f - s * (1 / 2835.f - s * (1 / 37800.f))));
  Vec far = u - log(u * 2.0f) + log(1.0f - exp(u * -2.0f));
  value = half + select(is_near, near, far);
  Vec near_slope = half * (1 / 3.f - s * (1 / 45.f - s * (2 / 945.f - s * (1 / 4725.f))));
  Vec far_slope = 1.0f / tanh(u) - 1.0f / u;
  far_slope = select(l < 0.0f, -far_slope, far_slope);
  slope = 0.5f + 0.5f * select(is_near, near_slope, far_slope);
}

double row(const LikelihoodRow& r, float* gradient, double*) {
  return logit_row(r, gradient, [](Vec l, Vec& a, Vec& slope) { normaliser(l, a, slope); });
}

}  // namespace

extern const LikelihoodKernels kContinuousBernoulli;
const LikelihoodKernels kContinuousBernoulli = {row};

}  // namespace elbo::ELBO_ISA
