// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set. log p = -(ln 2 pi + s + (x - mu)^2 e^-s) / 2 for each
// element, where s is the log variance: one number for all elements, or one put out for each.
#include "elbo/kernels/likelihood.h"
#include "elbo/kernels/math.h"

namespace elbo::ELBO_ISA {
namespace {

/// The bounds that prob/likelihood.cpp keeps log variances in; beyond them there is no gradient.
/// NaN stays NaN.
constexpr float kMinLogVar = -13.815510557964274f, kMaxLogVar = 20;
constexpr float kLog2Pi = 1.837877066f;

inline Vec bounded(Vec s) { return smaller(splat(kMaxLogVar), larger(splat(kMinLogVar), s)); }
inline Ints is_inside(Vec s) { return (s >= kMinLogVar) & (s <= kMaxLogVar); }

template <bool kPerElement>
double row(const LikelihoodRow& r, float* gradient, double* own_gradient) {
  LikelihoodRow o = r;
  double total = 0, own = 0;
  Vec shared = splat(o.own), shared_precision = exp(-bounded(shared));
  for_each_run(o.elements, [&](int64_t begin, int64_t end) {
    Vec run = {}, own_run = {};
    for_each_vec(end - begin, [&](int64_t i, int64_t count) {
      i += begin;
      Vec raw = kPerElement ? load_n(o.parameters + o.elements + i, count) : shared;
      Vec precision = kPerElement ? exp(-bounded(raw)) : shared_precision;
      Vec off = load_n(o.parameters + i, count) - load_n(o.x + i, count);
      Vec square = off * off * precision;
      Vec log_p = (bounded(raw) + square + kLog2Pi) * -0.5f;
      Vec d_mu = off * precision * o.scale, d_s = (1.0f - square) * (0.5f * o.scale);
      d_s = select(is_inside(raw), d_s, Vec{});
      if (o.mask) {
        Vec seen = load_n(o.mask + i, count);
        log_p *= seen;
        d_mu *= seen;
        d_s *= seen;
      }
      run += count == kLanes ? log_p : only(log_p, count);
      own_run += count == kLanes ? d_s : only(d_s, count);
      if (!gradient) return;
      store_n(gradient + i, d_mu, count);
      if (kPerElement) store_n(gradient + o.elements + i, d_s, count);
    });
    total += sum(run);
    own += sum(own_run);
  });
  if (!kPerElement && own_gradient) *own_gradient += own;
  return total;
}

}  // namespace

extern const LikelihoodKernels kGaussian, kGaussianElement;
const LikelihoodKernels kGaussian = {row<false>};
const LikelihoodKernels kGaussianElement = {row<true>};

}  // namespace elbo::ELBO_ISA
