// SPDX-License-Identifier: Apache-2.0
#include "elbo/eval/moments.h"

#include <gtest/gtest.h>

#include <cmath>

#include "elbo/tensor/random.h"

namespace elbo {
namespace {

TEST(Moments, AreThoseOfAllValuesWhateverTheChunks) {
  Rng rng(1, "moments");
  Tensor values = 1e6 + normal(rng, {1000, 3}, at::kDouble);  // far from 0: no cancellation
  for (int64_t chunk : {1, 7, 500, 1000}) {
    Moments moments;
    for (const Tensor& part : values.split(chunk)) moments.add(part);
    EXPECT_EQ(moments.count(), 1000);
    EXPECT_TRUE(at::allclose(moments.mean(), values.mean(0), 1e-14)) << chunk;
    EXPECT_TRUE(at::allclose(moments.variance(), values.var(0, true), 1e-9)) << chunk;
    EXPECT_TRUE(at::allclose(moments.variance(0), values.var(0, false), 1e-9)) << chunk;
  }
}

TEST(Moments, StandardErrorIsDeviationOverRootN) {
  Moments moments;
  moments.add(at::tensor({1.0, 2.0}, at::kDouble));
  moments.add(at::tensor({3.0, 6.0}, at::kDouble));
  EXPECT_DOUBLE_EQ(moments.standard_error(), std::sqrt(14.0 / 3 / 4));  // mean 3, 4+1+0+9 = 14
}

TEST(Moments, OneObservationHasNoStandardError) {
  Moments moments;
  moments.add(at::ones({1}));
  EXPECT_TRUE(std::isnan(moments.standard_error()));
  moments.add(at::ones({0}));
  EXPECT_EQ(moments.count(), 1);
}

}  // namespace
}  // namespace elbo
