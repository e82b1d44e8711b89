// SPDX-License-Identifier: Apache-2.0
#include "elbo/eval/baselines.h"

#include <gtest/gtest.h>

#include <cmath>

#include "elbo/eval/test_problems.h"
#include "elbo/prob/normal.h"
#include "elbo/tensor/convert.h"
#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

DatasetPtr dataset(const Tensor& x, const Schema& schema) {
  RawSet set;
  set.x = to_array(x.to(at::kFloat));
  return make_dataset(set, schema);
}

/// Rows of a linear model: 6 columns of 2 factors.
Tensor linear_rows(int64_t n, const char* stream) {
  Rng made(1, "loadings"), rng(1, stream);
  Tensor w = normal(made, {2, 6});
  return normal(rng, {n, 2}).mm(w) + 0.5f * normal(rng, {n, 6}) + 3;
}

ModelOptions options(const char* likelihood, int64_t latent = 2) {
  ModelOptions o;
  o.latent = latent;
  o.likelihood = likelihood;
  return o;
}

const Baseline& named(const std::vector<Baseline>& all, const std::string& start) {
  for (const Baseline& b : all) {
    if (b.name.starts_with(start)) return b;
  }
  ADD_FAILURE() << "no baseline " << start;
  return all.front();
}

TEST(Baselines, AreMeasuredInTheUnitsOfTheModel) {
  Schema schema = testing::table_schema(6);
  Tensor train = linear_rows(4000, "train"), test = linear_rows(1000, "test");
  auto all = fit_baselines(options("gaussian"), Pipeline({"standardise"}, schema),
                           *dataset(train, schema), *dataset(test, schema));
  ASSERT_EQ(all.size(), 3u);
  // Nothing was fitted to the pipeline, so it leaves x as it is.
  Tensor x = train.to(at::kFloat), mean = x.mean(0), variance = x.var(0, false);
  DiagonalNormal independent(mean, variance.log(), 1);
  EXPECT_NEAR(named(all, "independent columns").neg_log->value,
              -independent.log_prob(test).mean().item<double>(), 1e-4);
  EXPECT_NEAR(named(all, "independent").mse, (test - mean).square().mean().item<double>(), 1e-4);
  double full = named(all, "full covariance").neg_log->value;
  double factors = named(all, "factor analysis, 2 factors").neg_log->value;
  EXPECT_LT(full, named(all, "independent").neg_log->value - 1);
  EXPECT_NEAR(factors, full, 0.05);  // two factors are all there is
  EXPECT_LT(named(all, "factor").mse, 0.3 * named(all, "independent").mse);
  EXPECT_GT(named(all, "factor").neg_log->se, 0);
  EXPECT_TRUE(named(all, "factor").has_latents);
  EXPECT_FALSE(named(all, "independent").has_latents);
}

TEST(Baselines, OfBinaryElementsAreTheirFrequencies) {
  Schema schema = testing::image_schema(1, 2, 3);
  schema.kind = "image";
  Rng rng(2, "bits");
  Tensor p = uniform(rng, {1, 2, 3});
  auto bits = [&](int64_t n) { return (uniform(rng, {n, 2, 3}) < p).to(at::kByte); };
  Tensor train = bits(3000), test = bits(500);
  auto set = [&](const Tensor& x) {
    RawSet s;
    s.x = to_array(x);
    return make_dataset(s, schema);
  };
  auto all = fit_baselines(options("bernoulli"), Pipeline({}, schema), *set(train), *set(test));
  Tensor q = train.to(at::kDouble).mean(0), x = test.to(at::kDouble);
  double expected = -(x * q.log() + (1 - x) * (1 - q).log()).sum({1, 2}).mean().item<double>();
  EXPECT_NEAR(named(all, "independent pixels").neg_log->value, expected, 1e-3);
  EXPECT_FALSE(named(all, "PCA, 2 components").neg_log);
}

TEST(Baselines, CountWhatIsObservedAlone) {
  Schema schema = testing::table_schema(6);
  Rng rng(3, "mask");
  Tensor x = linear_rows(2000, "train");
  Tensor seen = uniform(rng, {2000, 6}) < 0.7f;
  RawSet set;
  set.x = to_array(x * seen);
  set.mask = to_array(seen.to(at::kByte));
  DatasetPtr data = make_dataset(set, schema);
  auto all = fit_baselines(options("gaussian"), Pipeline({}, schema), *data, *data);
  ASSERT_EQ(all.size(), 2u);  // no full covariance
  Tensor m = seen.to(at::kDouble), count = m.sum(0), mean = (x * m).sum(0) / count;
  Tensor variance = ((x - mean).square() * m).sum(0) / count;
  DiagonalNormal independent(mean, variance.log(), 1);
  EXPECT_NEAR(named(all, "independent").neg_log->value,
              -independent.log_prob(x.to(at::kDouble), m).mean().item<double>(), 1e-4);
  EXPECT_LT(named(all, "factor").neg_log->value, named(all, "independent").neg_log->value);
}

TEST(Baselines, RoundTripAsValues) {
  Schema schema = testing::table_schema(6);
  DatasetPtr data = dataset(linear_rows(50, "train"), schema);
  auto all = fit_baselines(options("gaussian"), Pipeline({}, schema), *data, *data);
  Value value = baselines_to_value(all);
  EXPECT_EQ(to_json(baselines_to_value(baselines_from_value(parse_json(to_json(value, 0), "")))),
            to_json(value));
}

}  // namespace
}  // namespace elbo
