// SPDX-License-Identifier: Apache-2.0
#include "elbo/nets/layers.h"

#include <gtest/gtest.h>

#include <cmath>

#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::error_of;
using testing::gradient_error;
using testing::max_difference;
using testing::standard_errors_off;

TEST(Activation, TableOfValues) {
  struct Row {
    const char* name;
    double at_minus_one, at_zero, at_two;
  };
  const Row rows[] = {{"relu", 0, 0, 2},
                      {"tanh", -0.7615941559557649, 0, 0.9640275800758169},
                      {"sigmoid", 0.2689414213699951, 0.5, 0.8807970779778823},
                      {"leaky-relu", -0.01, 0, 2},
                      {"elu", -0.6321205588285577, 0, 2},
                      {"gelu", -0.15865525393145707, 0, 1.9544997361036416},
                      {"silu", -0.2689414213699951, 0, 1.7615941559557646},
                      {"softplus", 0.31326168751822286, 0.6931471805599453, 2.1269280110429727},
                      {"none", -1, 0, 2}};
  ASSERT_EQ(std::size(rows), activation_names().size());
  for (const Row& row : rows) {
    Tensor x = at::tensor({-1., 0., 2.}, at::kDouble);
    Tensor y = at::tensor({row.at_minus_one, row.at_zero, row.at_two}, at::kDouble);
    EXPECT_LT(max_difference(activate(row.name, x), y), 1e-12) << row.name;
  }
  EXPECT_EQ(error_of([] { activate("swish", at::zeros({1})); }),
            "usage: unknown activation 'swish'");
}

TEST(Activation, GradientMatchesCentralDifferences) {
  Rng rng(1, "activation");
  for (const std::string& name : activation_names()) {
    Tensor x = normal(rng, {20}, at::kDouble);
    EXPECT_LT(gradient_error([&] { return activate(name, x * 1.5).square().sum(); }, x), 1e-8)
        << name;
  }
}

TEST(Init, StaysWithinItsBoundAndFillsIt) {
  struct Row {
    const char* name;
    double bound;
  };
  for (auto [name, bound] : {Row{"glorot", std::sqrt(6.0 / 500)}, Row{"he", std::sqrt(6.0 / 300)},
                             Row{"fan-in", std::sqrt(1.0 / 300)}}) {
    Rng rng(2, "init");
    Linear linear(300, 200, name, rng);
    EXPECT_LE(linear.weight.abs().max().item<double>(), bound * (1 + 1e-6)) << name;
    EXPECT_GT(linear.weight.abs().max().item<double>(), bound * 0.999) << name;
    EXPECT_LT(standard_errors_off(linear.weight.flatten(), at::zeros({})), 5) << name;
    Tensor variance = at::full({}, bound * bound / 3);
    EXPECT_LT(standard_errors_off(linear.weight.flatten().square(), variance), 5) << name;
    EXPECT_EQ(linear.bias.abs().max().item<double>() > 0, std::string(name) == "fan-in");
  }
  EXPECT_EQ(init_names().size(), 3u);
}

TEST(Conv, MirrorIsTheTranspose) {
  Rng rng(3, "conv");
  for (int64_t size : {7, 8, 9, 10}) {
    for (int64_t stride : {1, 2, 3}) {
      ConvShape forward{2, 3, 4, stride, 1};
      int64_t height = (size - 2) / stride + 1, width = (size + 1 - 2) / stride + 1;
      ConvShape back{3, 2, 4, stride, 1};
      back.output_padding_h = (size - 2) % stride;
      back.output_padding_w = (size - 1) % stride;
      Conv conv(forward, false, "he", rng), mirror(back, true, "he", rng);
      conv.to(at::kDouble), mirror.to(at::kDouble);
      at::NoGradGuard no_grad;
      mirror.weight.copy_(conv.weight);
      conv.bias.zero_(), mirror.bias.zero_();
      Tensor x = normal(rng, {2, 2, size, size + 1}, at::kDouble);
      Tensor y = normal(rng, {2, 3, height, width}, at::kDouble);
      Tensor there = (conv.forward(x) * y).sum(), back_again = (x * mirror.forward(y)).sum();
      EXPECT_NEAR(there.item<double>(), back_again.item<double>(), 1e-10) << size << ' ' << stride;
    }
  }
}

TEST(Conv, KeepsTheScaleOfItsInputBothWays) {
  Rng rng(4, "conv");
  for (bool mirrored : {false, true}) {
    Conv conv({32, 32, 4, 2, 1}, mirrored, "he", rng);
    double scale = conv.forward(normal(rng, {4, 32, 16, 16})).square().mean().item<double>();
    EXPECT_NEAR(scale, 2, 0.4) << mirrored;  // he: relu halves it afterwards
  }
}

TEST(BatchNorm, NormalisesEachChannelWhileTraining) {
  Rng rng(5, "norm");
  Norm norm("batch", {3, 4, 5});
  Tensor y = norm.forward(normal(rng, {8, 3, 4, 5}) * 3 + 7).transpose(0, 1).flatten(1);
  EXPECT_LT(max_difference(y.mean(1), at::zeros({3})), 1e-5);
  EXPECT_LT(max_difference(y.var(1, false), at::ones({3})), 1e-4);
}

TEST(BatchNorm, RunningStatisticsServeEvaluation) {
  Rng rng(6, "norm");
  Norm norm("batch", {3});
  Tensor x = normal(rng, {50, 3}) * 3 + 7, mean = x.mean(0), variance = x.var(0);
  norm.forward(x);
  auto buffers = norm.named_buffers();
  EXPECT_LT(max_difference(buffers["running_mean"], 0.1 * mean), 1e-5);
  EXPECT_LT(max_difference(buffers["running_var"], 0.9 + 0.1 * variance), 1e-5);
  for (int i = 0; i < 200; ++i) norm.forward(x);
  norm.eval();
  EXPECT_LT(max_difference(norm.forward(x), (x - mean) / (variance + 1e-5).sqrt()), 1e-4);
}

TEST(BatchNorm, OneExampleIsNoBatch) {
  Rng rng(7, "norm");
  Norm norm("batch", {3});
  Tensor x = normal(rng, {1, 3});
  EXPECT_LT(max_difference(norm.forward(x), x), 1e-4);
}

TEST(LayerNorm, NormalisesEachExample) {
  Rng rng(8, "norm");
  Norm norm("layer", {3, 4, 5});
  Tensor y = norm.forward(normal(rng, {8, 3, 4, 5}) * 3 + 7).flatten(1);
  EXPECT_LT(max_difference(y.mean(1), at::zeros({8})), 1e-5);
  EXPECT_LT(max_difference(y.var(1, false), at::ones({8})), 1e-4);
}

TEST(Dropout, KeepsTheExpectation) {
  Rng rng(9, "dropout");
  Tensor x = normal(rng, {6});
  RowNoise noise(rng, {}, 20000), few(rng, {}, 6);
  Tensor draws = dropout(x.expand({20000, 6}), 0.3, true, noise);
  EXPECT_LT(standard_errors_off(draws, x), 5);
  Tensor dropped = (draws == 0).to(at::kFloat);
  EXPECT_LT(standard_errors_off(dropped, at::full({6}, 0.3)), 5);
  EXPECT_TRUE(at::equal(dropout(x, 0.3, false, few), x));
  EXPECT_TRUE(at::equal(dropout(x, 0, true, few), x));
}

TEST(Dropout, DropsTheSameInBf16) {
  RowNoise a(Rng(9), {}, 400), b(Rng(9), {}, 400);
  Tensor x = at::ones({400});
  EXPECT_TRUE(at::equal(dropout(x.to(at::kBFloat16), 0.3, true, a), dropout(x, 0.3, true, b)));
}

}  // namespace
}  // namespace elbo
