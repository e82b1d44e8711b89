// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set. log p = x l - ln(1 + e^l), d(-log p)/dl = sigma(l) - x.
#include "elbo/kernels/likelihood_logit.h"
#include "elbo/kernels/math.h"

namespace elbo::ELBO_ISA {
namespace {

/// The value alone, all observed: ln(1 + e^l) = max(l, 0) + ln(1 + e^-|l|), with one logarithm for
/// the product of some terms, each in (1, 2].
double value(const LikelihoodRow& r) {
  constexpr int64_t kFactors = 32 * kLanes;  // of the product: at most 2^32 in a lane
  LikelihoodRow o = r;
  double total = 0;
  for_each_run(o.elements, [&](int64_t begin, int64_t end) {
    Vec run = {};
    for (int64_t first = begin; first < end; first += kFactors) {
      Vec product = splat(1.0f);
      for_each_vec(first + kFactors < end ? kFactors : end - first, [&](int64_t i, int64_t count) {
        i += first;
        Vec l = load_n(o.parameters + i, count), x = load_n(o.x + i, count);
        Vec e = exp(-absolute(l));
        run += x * l - larger(l, Vec{});
        product += product * (count == kLanes ? e : only(e, count));
      });
      run -= log(product);
    }
    total += sum(run);
  });
  return total;
}

double row(const LikelihoodRow& r, float* gradient, double*) {
  if (!gradient && !r.mask) return value(r);
  return logit_row(r, gradient, [](Vec l, Vec& a, Vec& slope) { sigmoid_softplus(l, slope, a); });
}

}  // namespace

extern const LikelihoodKernels kBernoulli;
const LikelihoodKernels kBernoulli = {row};

}  // namespace elbo::ELBO_ISA
