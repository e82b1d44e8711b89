// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set. log p = x l - ln(1 + e^l), d(-log p)/dl = sigma(l) - x.
#include "elbo/kernels/likelihood.h"
#include "elbo/kernels/math.h"

namespace elbo::ELBO_ISA {
namespace {

double row(const LikelihoodRow& r, float* gradient, double*) {
  LikelihoodRow o = r;
  double total = 0;
  for_each_run(o.elements, [&](int64_t begin, int64_t end) {
    Vec run = {};
    for_each_vec(end - begin, [&](int64_t i, int64_t count) {
      i += begin;
      Vec l = load_n(o.parameters + i, count), x = load_n(o.x + i, count), p, softplus;
      sigmoid_softplus(l, p, softplus);
      Vec log_p = x * l - softplus, d = (p - x) * o.scale;
      if (o.mask) {
        Vec seen = load_n(o.mask + i, count);
        log_p *= seen;
        d *= seen;
      }
      run += count == kLanes ? log_p : only(log_p, count);
      if (gradient) store_n(gradient + i, d, count);
    });
    total += sum(run);
  });
  return total;
}

}  // namespace

extern const LikelihoodKernels kBernoulli;
const LikelihoodKernels kBernoulli = {row};

}  // namespace elbo::ELBO_ISA
