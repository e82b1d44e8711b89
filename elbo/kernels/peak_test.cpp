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
    const PeakKernels& kernels = peak_kernels(isa);
    EXPECT_NEAR(kernels.rounds(40000) * 2, kernels.operations, 0.01 * kernels.operations);
  }
}

TEST(Peak, IsAtLeastAMultiplicationInANanosecond) {
  Team team(2);
  EXPECT_GT(measure_peak(team), 1e9);
}

}  // namespace
}  // namespace elbo
