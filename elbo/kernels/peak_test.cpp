// SPDX-License-Identifier: Apache-2.0
#include "elbo/kernels/peak.h"

#include <gtest/gtest.h>

#include <cmath>

#include "elbo/kernels/testing.h"

namespace elbo {
namespace {

// Each of the 12 chains of every lane goes to the fixed point of x = 0.999 x + 0.001, which is 1.
TEST(Peak, DoesTheArithmeticThatItCounts) {
  for (Isa isa : machine_isas()) {
    const PeakKernels& kernels = peak_kernels(Precision::f32, isa);
    EXPECT_NEAR(kernels.rounds(40000) * 2, kernels.operations, 0.01 * kernels.operations);
  }
}

// One lane of each of 12 chains, or 4 of tiles, adds up n times two products of 1/4 by 1/4.
// Compilers that know no tiles (clang 14 by its macros) make chains of 16 lanes for AMX too.
TEST(Peak, DoesTheArithmeticOfBf16ThatItCounts) {
  for (Isa isa : machine_isas(true)) {
    const PeakKernels& kernels = peak_kernels(Precision::bf16, isa);
    bool has_tiles = kernels.operations > 4.0 * 12 * 16;
    EXPECT_EQ(kernels.rounds(1000), (has_tiles ? 4 : 12) * 1000.0f / 8) << name_of(isa);
  }
}

TEST(Peak, IsAtLeastAMultiplicationInANanosecond) {
  Team team(2);
  for (Precision p : {Precision::f32, Precision::bf16}) EXPECT_GT(measure_peak(team, p), 1e9);
}

}  // namespace
}  // namespace elbo
