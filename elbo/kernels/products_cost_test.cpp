// SPDX-License-Identifier: Apache-2.0
#include "elbo/kernels/products_cost.h"

#include <gtest/gtest.h>

#include "elbo/kernels/testing.h"

namespace elbo {
namespace {

TEST(ProductsCost, BreaksEvenWhereBothTakeTheSameTime) {
  SkippingCosts costs{.dense = 10, .nonzero = 20, .fixed = 4};
  EXPECT_DOUBLE_EQ(costs.fixed + costs.break_even() * costs.nonzero, costs.dense);
  costs.fixed = 11;  // not even where all is 0
  EXPECT_EQ(costs.break_even(), 0);
  costs = {.dense = 10, .nonzero = 5, .fixed = 4};  // even where nothing is
  EXPECT_EQ(costs.break_even(), 1);
}

TEST(ProductsCost, OfAMultiplyAddIsBetweenATenthOfAPicosecondAndTenNanoseconds) {
  for (Isa isa : machine_isas(true)) {
    for (Precision p : {Precision::f32, Precision::bf16}) {
      SkippingCosts costs = measure_skipping(p, isa);
      for (double seconds : {costs.dense, costs.nonzero, costs.fixed}) {
        EXPECT_GT(seconds, 1e-13) << name_of(isa);
        EXPECT_LT(seconds, 1e-8) << name_of(isa);
      }
      EXPECT_LT(costs.fixed, costs.nonzero) << name_of(isa);
    }
  }
}

TEST(ProductsCost, DecidesTheSameWayThroughoutAProcess) {
  for (Precision p : {Precision::f32, Precision::bf16}) {
    double most = most_nonzeros(p);
    EXPECT_EQ(most_nonzeros(p), most);
    EXPECT_TRUE(skipping_pays(p, most));
    EXPECT_FALSE(skipping_pays(p, most + 1e-6));
  }
}

}  // namespace
}  // namespace elbo
