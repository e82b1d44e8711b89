// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/kernels/vec.h"

namespace elbo::ELBO_ISA {

/// The bounds that prob/posterior.cpp keeps log variances in; beyond them there is no gradient. NaN
/// stays NaN.
constexpr float kMinLogVar = -20, kMaxLogVar = 10;

inline Vec bounded_log_var(Vec raw) {
  return smaller(splat(kMaxLogVar), larger(splat(kMinLogVar), raw));
}
/// (1 + log 2 pi) / 2: the entropy of a standard normal, nats.
constexpr double kNormalEntropy = 1.41893853320467274178;

inline Ints is_bounded(Vec raw) { return (raw >= kMinLogVar) & (raw <= kMaxLogVar); }

}  // namespace elbo::ELBO_ISA
