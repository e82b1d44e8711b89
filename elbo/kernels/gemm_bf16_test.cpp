// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "elbo/kernels/gemm_bf16_testing.h"

namespace elbo {
namespace {

constexpr int64_t kVectors = most_vectors(Precision::bf16);

/// The nearest number with 8 bits, ties to even.
double rounded(double x) {
  int exponent;
  double fraction = std::frexp(x, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
}

// A product of two bf16 is exact in f32, so that only the sums round.
TEST(GemmBf16, EqualsADoubleProductOfRoundedFactorsWithinItsRoundings) {
  for_each_shape([](int64_t m, int64_t n, int64_t k, int orientation) {
    Problem p(m, n, k, orientation);
    for (const Version& v : bf16_versions()) {
      SCOPED_TRACE(v.name);
      expect_product(p, product(v.kernels.block, v.lanes, kVectors, p, m), rounded);
    }
  });
}

TEST(GemmBf16, BitsDoNotDependOnBlocks) {
  for (int orientation = 0; orientation < kOrientations; ++orientation) {
    Problem p(37, 250, 700, orientation);
    for (const Version& v : bf16_versions()) {
      auto whole = product(v.kernels.block, v.lanes, kVectors, p, p.g.m);
      for (int64_t vectors : {1, 3, 5, 8}) {
        EXPECT_TRUE(same_bits(product(v.kernels.block, v.lanes, vectors, p, p.g.m), whole))
            << v.name << " vectors " << vectors;
      }
      for (int64_t rows : {1, 3, 8, 17}) {
        EXPECT_TRUE(same_bits(product(v.kernels.block, v.lanes, kVectors, p, rows), whole))
            << v.name << " rows " << rows;
      }
      for (int64_t columns : {1, 3, 4, 11, 47}) {
        EXPECT_TRUE(same_bits(product(v.kernels.block, v.lanes, kVectors, p, 6, columns), whole))
            << v.name << " columns " << columns;
      }
    }
  }
}

TEST(GemmBf16, MultipliesStrewnRowsAsIfTheyLayTogether) {
  for (const Version& v : bf16_versions()) {
    SCOPED_TRACE(v.name);
    expect_strewn_as_together(v.kernels.block, v.lanes, kVectors);
  }
}

TEST(GemmBf16, KeepsWithinItsMatrices) {
  for (const Version& v : bf16_versions()) {
    SCOPED_TRACE(v.name);
    for (int64_t k = 1; k <= 40; ++k) {
      for (int64_t n : {1, 4, 19, 40}) {
        expect_kept_within(v.kernels.block, v.lanes, kVectors, 11, n, k);
        expect_kept_within(v.kernels.block, v.lanes, kVectors, 2, n, 3 * k, k);
      }
    }
    expect_kept_within(v.kernels.block, v.lanes, kVectors, 17, 191, 513);  // uses all of scratch
  }
}

/// What becomes of x as a factor of op(A), or of op(B).
float seen(const Version& v, float x, bool as_b) {
  float one = 1, c = 0;
  Gemm g;
  g.m = g.n = g.k = 1;
  g.a = as_b ? &one : &x, g.lda = 1;
  g.b = as_b ? &x : &one, g.ldb = 1;
  g.c = &c, g.ldc = 1;
  Guarded scratch(kGemmScratch);
  v.kernels.block(g, {0, 1, 0, 1}, scratch);
  return c;
}

TEST(GemmBf16, RoundsFactorsToTheNearestAndTiesToEven) {
  for (const Version& v : bf16_versions()) {
    for (bool as_b : {false, true}) {
      for (float x : {0.0f, 1.0f, -3.0f, 0.1f, 1e30f, -1e-30f, 256.0f, 257.0f, 259.0f, 258.9f}) {
        EXPECT_EQ(seen(v, x, as_b), static_cast<float>(rounded(x))) << v.name << " " << x;
      }
      EXPECT_EQ(seen(v, kInf, as_b), kInf) << v.name;
      EXPECT_EQ(seen(v, 3.4e38f, as_b), kInf) << v.name;
      EXPECT_TRUE(std::isnan(seen(v, kNaN, as_b))) << v.name;
    }
  }
}

}  // namespace
}  // namespace elbo
