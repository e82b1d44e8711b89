// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/core/cpu.h"
#include "elbo/kernels/gemm.h"

namespace elbo {

/// What C = A W^T of a layer costs whose input A has zeros, in seconds for each multiply-add of the
/// dense product.
struct SkippingCosts {
  double dense;    ///< zeros multiplied; in bf16 with W packed once
  double nonzero;  ///< zeros skipped (in f32): grows with the share of non-zeros
  double fixed;    ///< zeros skipped: what it takes where all is 0
  /// The share of non-zeros, in [0, 1], up to which skipping zeros takes no longer.
  double break_even() const;
};

/// As measured now on one thread, the best of some short runs: about a millisecond in all, some
/// more for Isa::scalar.
SkippingCosts measure_skipping(Precision precision, Isa isa);

/// The share of non-zeros up to which products that skip zeros are the faster ones with isa(). It
/// is a constant of the instruction set, not measured in each process: in bf16 the choice changes
/// the bits, since zeros are skipped in f32, and in f32 it would change the memory that lists take.
double most_nonzeros(Precision precision);

inline bool skipping_pays(Precision precision, double density) {
  return density <= most_nonzeros(precision);
}

}  // namespace elbo
