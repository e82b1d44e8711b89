// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/testing.h"

namespace elbo {
namespace {

TEST(Array, SizesThatOverflowOrPassTheLimitAreRefused) {
  EXPECT_EQ(message_of([] {
              make_array(DType::f64, {int64_t{1} << 62, 8}, "x");
            }),
            "x: shape [4611686018427387904, 8] of f64 is negative or too large");
  EXPECT_EQ(message_of([] { make_array(DType::u8, {-1}, "x"); }),
            "x: shape [-1] of u8 is negative or too large");
  EXPECT_NO_THROW(make_array(DType::f32, {25}, "x", 100));
  EXPECT_THROW(make_array(DType::f32, {26}, "x", 100), Error);
}

TEST(Array, ValuesMustFitTypeAndShape) {
  EXPECT_EQ(values<float>(make_array<float>(DType::f32, {2}, {1, 2})), (std::vector<float>{1, 2}));
  EXPECT_EQ(message_of([] {
              make_array<double>(DType::f32, {2}, {1, 2});
            }),
            "make_array: 2 values of 8 bytes for 2 elements of f32");
  EXPECT_EQ(message_of([] {
              make_array<float>(DType::f32, {3}, {1, 2});
            }),
            "make_array: 2 values of 4 bytes for 3 elements of f32");
}

}  // namespace
}  // namespace elbo
