// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/denormals.h"

#include <gtest/gtest.h>

#include <bit>
#include <cfenv>
#include <limits>
#include <thread>

namespace elbo {
namespace {

/// What arithmetic does on this thread, found by doing some.
Denormals observed() {
  volatile float least_normal = std::numeric_limits<float>::min(), half = 0.5f;
  volatile float denormal = std::numeric_limits<float>::denorm_min(), large = 0x1p100f;
  volatile float result = least_normal * half, from_operand = denormal * large;
  // By its bits: a comparison may take a denormal for 0.
  bool zero_results = std::bit_cast<uint32_t>(float{result}) == 0;
  bool zero_operands = from_operand == 0;
  if (zero_results) return zero_operands ? Denormals::flush : Denormals::zero_results;
  return zero_operands ? Denormals::zero_operands : Denormals::keep;
}

class FlushDenormalsTest : public ::testing::Test {
 protected:
  void SetUp() override {
#if !defined(__x86_64__)
    GTEST_SKIP() << "denormals stay as they are on this machine";
#endif
  }
};

TEST_F(FlushDenormalsTest, FlushesOperandsAndResultsAndRestoresWhatWas) {
  for (Denormals before :
       {Denormals::keep, Denormals::zero_operands, Denormals::zero_results, Denormals::flush}) {
    set_denormals(before);
    EXPECT_EQ(observed(), before);
    {
      FlushDenormals flush;
      EXPECT_EQ(observed(), Denormals::flush);
      { FlushDenormals inner; }
      EXPECT_EQ(observed(), Denormals::flush);
    }
    EXPECT_EQ(observed(), before);
    EXPECT_EQ(denormals(), before);
  }
  set_denormals(Denormals::keep);
}

TEST_F(FlushDenormalsTest, LeavesRoundingAndRaisedExceptionsAlone) {
  std::feclearexcept(FE_ALL_EXCEPT);
  {
    FlushDenormals flush;
    std::fesetround(FE_UPWARD);
    std::feraiseexcept(FE_DIVBYZERO);
  }
  EXPECT_EQ(std::fegetround(), FE_UPWARD);
  EXPECT_TRUE(std::fetestexcept(FE_DIVBYZERO));
  std::fesetround(FE_TONEAREST);
  std::feclearexcept(FE_ALL_EXCEPT);
}

TEST_F(FlushDenormalsTest, OtherThreadsHaveTheirOwnMode) {
  Denormals seen = Denormals::flush;
  auto look = [&] { seen = observed(); };
  {
    FlushDenormals flush;
    std::thread inherits(look);
    inherits.join();
    EXPECT_EQ(seen, Denormals::flush);
  }
  std::thread after(look);
  after.join();
  EXPECT_EQ(seen, Denormals::keep);
}

}  // namespace
}  // namespace elbo
