// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set.
#include "elbo/kernels/peak.h"

#include "elbo/kernels/vec.h"

namespace elbo::ELBO_ISA {
namespace {

constexpr int kChains = 12;  // enough to hide a multiply-add's latency, few enough for registers

float rounds(int64_t n) {
  Vec chain[kChains];
  for (int i = 0; i < kChains; ++i) chain[i] = splat(static_cast<float>(i));
  Vec factor = splat(0.999f), term = splat(1e-3f);
  for (int64_t r = 0; r < n; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) chain[i] = multiply_add(chain[i], factor, term);
  }
  Vec total = {};
  for (int i = 0; i < kChains; ++i) total += chain[i];
  return sum(total);
}

}  // namespace

extern const PeakKernels kPeak;
const PeakKernels kPeak = {2.0 * kChains * kLanes, rounds};

}  // namespace elbo::ELBO_ISA
