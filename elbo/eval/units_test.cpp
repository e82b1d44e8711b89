// SPDX-License-Identifier: Apache-2.0
#include "elbo/eval/units.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "elbo/eval/baselines.h"
#include "elbo/eval/evaluate.h"
#include "elbo/eval/test_problems.h"
#include "elbo/tensor/convert.h"
#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::table_schema;

Schema image_schema(ValueRange range) {
  Schema out;
  out.name = "pictures";
  out.kind = "image";
  out.shape = {1, 2, 2};
  out.range = range;
  return out;
}

DatasetPtr data_of(const Tensor& x, const Schema& schema, const Tensor& mask = {}) {
  RawSet set;
  set.x = to_array(schema.kind == "image" ? x.view({-1, 2, 2}) : x);
  if (mask.defined()) set.mask = to_array(mask.to(at::kByte));
  return make_dataset(set, schema);
}

std::shared_ptr<Model> model_of(const Part& likelihood, const Schema& schema) {
  ModelOptions options;
  options.latent = 2;
  options.likelihood = likelihood;
  Rng rng(1, "units");
  return make_model(options, schema, rng);
}

Evaluation found(const Part& likelihood, const Pipeline& pipeline, const Dataset& data,
                 int64_t samples = 0) {
  return evaluate(*model_of(likelihood, data.schema()), pipeline, data, {.samples = samples}, 0);
}

double value(const Evaluation& e, const char* name) {
  const Metric* metric = e.find(name);
  if (!metric) ADD_FAILURE() << "no metric " << name;
  return metric ? metric->value : std::nan("");
}

Tensor numbers(int64_t rows, int64_t columns) {
  Rng rng(3, "numbers");
  return normal(rng, {rows, columns});
}

/// The data in units a thousand times as fine: what is modelled stays the same, the density of a
/// row falls by 1000^D.
TEST(Units, ADensityInDataUnitsFollowsTheUnitsOfTheData) {
  Tensor x = numbers(300, 3);
  Evaluation out[2];
  for (int i : {0, 1}) {
    DatasetPtr data = data_of(i ? x * 1000 : x, table_schema(3));
    Pipeline pipeline({"standardise"}, data->schema());
    pipeline.fit(*data);
    out[i] = found("gaussian", pipeline, *data, 3);
  }
  EXPECT_NEAR(value(out[0], "neg_elbo"), value(out[1], "neg_elbo"), 1e-3);
  for (const char* name : {"neg_elbo_data_units", "iwae_data_units"}) {
    EXPECT_NEAR(value(out[1], name) - value(out[0], name), 3 * std::log(1000.0), 1e-3) << name;
    EXPECT_EQ(out[0].find(name)->unit, kDataUnits);
  }
  EXPECT_EQ(out[0].find("neg_elbo")->unit, "nats (standardised columns)");
  EXPECT_EQ(out[0].find("kl")->unit, "nats");
  EXPECT_NEAR(out[1].to_data_units,
              value(out[1], "neg_elbo_data_units") - value(out[1], "neg_elbo"), 1e-9);
}

TEST(Units, WhatIsNotTransformedIsInDataUnitsAlready) {
  Evaluation out =
      found("gaussian", Pipeline({}, table_schema(3)), *data_of(numbers(100, 3), table_schema(3)));
  EXPECT_EQ(out.find("neg_elbo")->unit, kDataUnits);
  EXPECT_DOUBLE_EQ(value(out, "neg_elbo_data_units"), value(out, "neg_elbo"));
}

TEST(Units, MissingCellsHaveNoUnits) {
  Tensor x = numbers(200, 3), mask = at::ones({200, 3});
  mask.select(1, 2).zero_();
  DatasetPtr data = data_of(x * mask, table_schema(3), mask);
  Pipeline pipeline({"standardise"}, data->schema());
  pipeline.fit(*data);
  Tensor sd = x.narrow(1, 0, 2).to(at::kDouble).std(0, false);
  Evaluation out = found("gaussian", pipeline, *data);
  EXPECT_NEAR(value(out, "neg_elbo_data_units") - value(out, "neg_elbo"),
              sd.log().sum().item<double>(), 1e-5);
}

TEST(Units, TablesHaveNoBitsPerDimension) {
  Tensor x = numbers(100, 3);
  EXPECT_EQ(found("gaussian", Pipeline({}, table_schema(3)), *data_of(x, table_schema(3)))
                .find("bits_per_dim"),
            nullptr);
  Tensor bits = (x > 0).to(at::kFloat);
  EXPECT_EQ(found("bernoulli", Pipeline({}, table_schema(3)), *data_of(bits, table_schema(3)))
                .find("bits_per_dim"),
            nullptr);
}

/// A density of pictures in steps of one level, whatever units they are stored and modelled in.
TEST(Units, BitsPerDimensionAreInStepsOfOneLevel) {
  Rng rng(5, "pixels");
  Tensor bytes = (uniform(rng, {64, 4}) * 256).floor().clamp(0, 255);
  bytes[0] = at::tensor({0.f, 1.f, 254.f, 255.f});
  std::vector<double> bits;
  for (ValueRange range : {ValueRange{0, 255}, {0, 1}, {-1, 1}}) {
    Tensor x = bytes / 255 * (range.hi - range.lo) + range.lo;
    Schema schema = image_schema(range);
    Evaluation out = found("gaussian", Pipeline({"unit"}, schema), *data_of(x, schema), 2);
    EXPECT_EQ(out.units.levels, 256);
    ASSERT_TRUE(out.find("bits_per_dim"));
    EXPECT_EQ(out.find("bits_per_dim")->unit, "bits/dim, 256 levels");
    EXPECT_EQ(out.find("neg_elbo")->unit, "nats (pixels 0 to 1)");
    double nats = value(out, "neg_elbo") / 4;  // of x in [0, 1]
    EXPECT_NEAR(value(out, "bits_per_dim"), nats / std::numbers::ln2 + std::log2(255.0), 1e-6);
    EXPECT_TRUE(out.find("iwae_bits_per_dim"));
    bits.push_back(value(out, "bits_per_dim"));
  }
  EXPECT_NEAR(bits[0], bits[1], 1e-4);
  EXPECT_NEAR(bits[0], bits[2], 1e-4);
}

TEST(Units, BitsPerDimensionAreOfObservedPixelsAlone) {
  Rng rng(8, "pixels");
  Tensor bits = (uniform(rng, {60, 4}) > 0.5).to(at::kFloat), mask = at::ones({60, 4});
  mask.select(1, 3).zero_();
  Schema schema = image_schema({0, 1});
  Evaluation out = found("bernoulli", Pipeline({}, schema),
                         *data_of(bits * mask, schema, mask.view({-1, 2, 2})));
  EXPECT_NEAR(value(out, "bits_per_dim"), value(out, "neg_elbo") / (3 * std::numbers::ln2), 1e-9);
}

TEST(Units, LevelsAreThoseOfTheStoredValues) {
  Rng rng(6, "pixels");
  Tensor share = uniform(rng, {50, 4});
  auto levels = [&](const Tensor& x, ValueRange range) {
    Schema schema = image_schema(range);
    return units_of(*model_of("gaussian", schema), Pipeline({}, schema), *data_of(x, schema))
        .levels;
  };
  EXPECT_EQ(levels((share * 16).round(), {0, 16}), 17);
  EXPECT_EQ(levels((share * 65535).round(), {0, 65535}), 65536);
  EXPECT_EQ(levels(share, {0, 1}), 0);
}

TEST(Units, ZerosAndOnesHaveAProbability) {
  Rng rng(7, "grey");
  Tensor grey = uniform(rng, {100, 4});
  Schema schema = image_schema({0, 1});
  DatasetPtr data = data_of(grey, schema);
  Evaluation out = found("bernoulli", Pipeline({"binarise"}, schema), *data);
  EXPECT_EQ(out.units.kind, LossKind::probability);
  EXPECT_EQ(out.find("neg_elbo")->unit, "nats");
  EXPECT_NEAR(value(out, "bits_per_dim"), value(out, "neg_elbo") / (4 * std::numbers::ln2), 1e-9);
  EXPECT_EQ(out.find("neg_elbo_data_units"), nullptr);
  EXPECT_TRUE(out.notes.empty());
}

TEST(Units, CrossEntropyOfGreyValuesIsCalledNoBound) {
  Tensor grey = at::full({100, 4}, 0.5);
  Schema schema = image_schema({0, 1});
  Evaluation out = found("bernoulli", Pipeline({}, schema), *data_of(grey, schema), 2);
  EXPECT_EQ(out.units.kind, LossKind::cross_entropy);
  EXPECT_EQ(out.units.loss_name(), "cross-entropy + KL");
  EXPECT_EQ(out.find("neg_elbo")->unit, "nats (cross-entropy)");
  for (const char* name : {"bits_per_dim", "iwae_bits_per_dim", "neg_elbo_data_units"}) {
    EXPECT_EQ(out.find(name), nullptr) << name;
  }
  for (const char* name : {"neg_elbo", "iwae"}) {
    EXPECT_NE(out.find(name)->help.find("no bound"), std::string::npos) << name;
  }
  ASSERT_EQ(out.notes.size(), 1u);
  EXPECT_NE(out.notes[0].find("binarise"), std::string::npos);
  Evaluation density = found("continuous-bernoulli", Pipeline({}, schema), *data_of(grey, schema));
  EXPECT_EQ(density.units.kind, LossKind::density);
}

TEST(Units, ALossBelowZeroIsExplained) {
  Units density;
  density.of_x = "standardised columns";
  ASSERT_EQ(density.notes("-ELBO", -3).size(), 1u);
  EXPECT_TRUE(density.notes("-ELBO", -3)[0].starts_with("-ELBO is below 0"));
  EXPECT_TRUE(density.notes("-ELBO", 3).empty());
}

}  // namespace
}  // namespace elbo
