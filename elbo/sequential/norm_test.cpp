// SPDX-License-Identifier: Apache-2.0
#include "elbo/sequential/norm.h"

#include <gtest/gtest.h>

namespace elbo::sequential {
namespace {

constexpr int64_t kRows = 1 << 20, kWidth = 2;

/// A batch of plain rows so large that one chain of additions in f32 would be seen to round.
struct Large {
  /// is_high(row, column): x = 0.6 and d loss / d y = 0.7, else 0.1 and -0.2.
  template <class IsHigh>
  explicit Large(IsHigh is_high) {
    for (Signal* s : {&in, &out}) s->reserve(kRows);
    for (int64_t i = 0; i < kRows * kWidth; ++i) {
      bool high = is_high(i / kWidth, i % kWidth);
      in.activated[i] = high ? 0.6f : 0.1f;
      out.gradient[i] = high ? 0.7f : -0.2f;
    }
  }
  void pass(Stage& stage) {
    Work work(workers, kRows);
    stage.reserve(kRows);
    stage.forward(work);
    stage.backward(work);
  }
  Workers workers{2};
  Signal in{kWidth, true}, out{kWidth, true};
  float ones[kWidth] = {1, 1}, zeros[kWidth] = {}, d_weight[kWidth] = {}, d_bias[kWidth] = {};
  Parameter weight{ones, d_weight}, bias{zeros, d_bias};
};

/// The normalised high value, where half of all are high.
const double kHigh = 0.25 / std::sqrt(0.25 * 0.25 + kNormEpsilon);

void expect_near(double got, double want) { EXPECT_NEAR(got, want, 1e-5 * std::abs(want)); }

TEST(BatchNorm, ManyRowsLoseNothing) {
  Large large([](int64_t row, int64_t) { return row % 2; });
  NormSpec norm{"batch", {}, {}, at::zeros({kWidth}), at::ones({kWidth})};
  BatchNorm stage(norm, /*is_training=*/true, large.in, large.out, large.weight, large.bias);
  large.pass(stage);
  for (int64_t c = 0; c < kWidth; ++c) {
    expect_near(large.d_bias[c], kRows / 2 * (0.7 - 0.2));
    expect_near(large.d_weight[c], kRows / 2 * (0.7 + 0.2) * kHigh);
    expect_near(norm.running_mean.data_ptr<float>()[c], 0.1 * 0.35);
    expect_near(norm.running_var.data_ptr<float>()[c], 0.9 + 0.1 * 0.0625);
  }
}

TEST(LayerNorm, ManyRowsLoseNothing) {
  Large large([](int64_t, int64_t column) { return column == 1; });
  LayerNorm stage(large.in, large.out, large.weight, large.bias);
  large.pass(stage);
  expect_near(large.d_bias[0], kRows * -0.2);
  expect_near(large.d_bias[1], kRows * 0.7);
  expect_near(large.d_weight[0], kRows * 0.2 * kHigh);
  expect_near(large.d_weight[1], kRows * 0.7 * kHigh);
}

}  // namespace
}  // namespace elbo::sequential
