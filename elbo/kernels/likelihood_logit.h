// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/kernels/likelihood.h"
#include "elbo/kernels/vec.h"

namespace elbo::ELBO_ISA {

/// A row of elements with log p = x l - A(l), d(-log p)/dl = A'(l) - x; normaliser(l, a, slope)
/// finds A and A'.
template <class Normaliser>
inline double logit_row(const LikelihoodRow& r, float* gradient, Normaliser normaliser) {
  LikelihoodRow o = r;
  double total = 0;
  for_each_run(o.elements, [&](int64_t begin, int64_t end) {
    Vec run = {};
    for_each_vec(end - begin, [&](int64_t i, int64_t count) {
      i += begin;
      Vec l = load_n(o.parameters + i, count), x = load_n(o.x + i, count), value, slope;
      normaliser(l, value, slope);
      Vec log_p = x * l - value, d = (slope - x) * o.scale;
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

}  // namespace elbo::ELBO_ISA
