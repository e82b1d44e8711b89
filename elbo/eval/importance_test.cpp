// SPDX-License-Identifier: Apache-2.0
#include "elbo/eval/importance.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "elbo/eval/prepare.h"
#include "elbo/eval/test_problems.h"

namespace elbo {
namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();

LogWeights streamed(const Tensor& log_w, int64_t chunk) {
  LogWeights out;
  for (const Tensor& part : log_w.split(chunk)) out.add(part);
  return out;
}

TEST(LogWeights, StreamingEqualsOneShotForAnyChunks) {
  Rng rng(1, "weights");
  Tensor offsets = at::tensor({-2000.0, 0.0, 3000.0}, at::kDouble);  // beyond exp in float64
  Tensor log_w = offsets + 30 * normal(rng, {500, 3}, at::kDouble);
  Tensor mean = at::logsumexp(log_w, 0) - std::log(500.0);
  Tensor w = at::softmax(log_w, 0);
  for (int64_t chunk : {1, 3, 64, 500}) {
    LogWeights out = streamed(log_w, chunk);
    EXPECT_EQ(out.samples(), 500);
    EXPECT_TRUE(at::allclose(out.log_mean(), mean, 1e-13)) << chunk;
    EXPECT_TRUE(at::allclose(out.effective_samples(), 1 / w.square().sum(0), 1e-10)) << chunk;
  }
}

TEST(LogWeights, EffectiveSamplesLieBetweenOneAndK) {
  Tensor equal = at::full({40, 1}, -700.0, at::kDouble);
  EXPECT_NEAR(streamed(equal, 7).effective_samples().item<double>(), 40, 1e-10);
  Tensor one = equal.clone();
  one[23][0] = 0;
  EXPECT_NEAR(streamed(one, 7).effective_samples().item<double>(), 1, 1e-10);
  Rng rng(1, "weights");
  Tensor any = streamed(2 * normal(rng, {40, 100}, at::kDouble), 7).effective_samples();
  EXPECT_GE(any.min().item<double>(), 1);
  EXPECT_LE(any.max().item<double>(), 40);
}

TEST(LogWeights, ImpossibleDrawsCountAsZero) {
  Tensor log_w = at::tensor({-kInf, -kInf, 0.0, -kInf}, at::kDouble).view({4, 1});
  for (int64_t chunk : {1, 2, 4}) {
    EXPECT_NEAR(streamed(log_w, chunk).log_mean().item<double>(), -std::log(4.0), 1e-12);
  }
  LogWeights all_zero = streamed(log_w.narrow(0, 0, 2), 1);
  EXPECT_EQ(all_zero.log_mean().item<double>(), -kInf);
  EXPECT_EQ(all_zero.effective_samples().item<double>(), 0);
}

TEST(ImportanceWeights, OfTheExactPosteriorAreTheEvidence) {
  LinearGaussian problem(10);
  std::vector<int64_t> rows = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
  Rng rng(3, "draws");
  EvalMode mode(*problem.model);
  Pass pass = problem.model->pass(problem.data->get(rows), rng, {.samples = 5, .densities = true});
  EXPECT_TRUE(at::allclose(log_weights(pass), problem.log_px.expand({5, 10}), 1e-5, 1e-4));
}

TEST(ImportanceWeights, DrawExactlyKInChunksOfBoundedSize) {
  at::NoGradGuard no_grad;
  LinearGaussian problem(3);
  Recorder recorder(problem.model);
  std::vector<int64_t> rows = {0, 1, 2};
  Batch batch = problem.data->get(rows);
  Rng rng(3, "draws");
  EXPECT_EQ(importance_weights(recorder, batch, rng, 10, 12).samples(), 10);
  EXPECT_EQ(recorder.draws, (std::vector<int64_t>{4, 4, 2}));
  recorder.draws.clear();
  EXPECT_EQ(importance_weights(recorder, batch, rng, 2, 1).samples(), 2);
  EXPECT_EQ(recorder.draws, (std::vector<int64_t>{1, 1}));
}

}  // namespace
}  // namespace elbo
