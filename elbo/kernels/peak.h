// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "elbo/core/cpu.h"
#include "elbo/kernels/gemm.h"
#include "elbo/kernels/team.h"

namespace elbo {

/// Multiply-adds in registers: the most that the arithmetic units can do.
struct PeakKernels {
  double operations;  ///< floating-point operations in a round, a multiply-add being two
  /// The result is of no use, but depends on all that was done.
  float (*rounds)(int64_t n);
};

const PeakKernels& peak_kernels(Precision precision, Isa isa);

/// Operations per second that the team's members reach together with what isa() has for products of
/// that precision, as measured now: the best of some short runs, a few hundredths of a second in
/// all.
double measure_peak(Team& team, Precision precision);

}  // namespace elbo
