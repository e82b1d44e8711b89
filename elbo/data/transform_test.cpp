// SPDX-License-Identifier: Apache-2.0
#include "elbo/data/transform.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "elbo/tensor/convert.h"
#include "elbo/tensor/tensor_file.h"
#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::error_of;
using testing::max_difference;
using testing::standard_errors_off;
using testing::table_schema;

DatasetPtr table(const Tensor& x, const Tensor& mask = {}) {
  RawSet raw;
  raw.x = to_array(x);
  if (mask.defined()) raw.mask = to_array(mask.to(at::kByte));
  return make_dataset(raw, table_schema(x.size(1)));
}

Batch rows(const Dataset& data, const std::vector<int64_t>& which) { return data.get(which); }

Batch everything(const Dataset& data) {
  std::vector<int64_t> all(static_cast<size_t>(data.size()));
  std::iota(all.begin(), all.end(), 0);
  return data.get(all);
}

Part part(const char* type, const char* options = "") {
  return {type, parse_toml(options, "test")};
}

Tensor applied(const Part& step, const Dataset& data, const TransformNoise& noise) {
  return Pipeline({step}, data.schema()).apply(everything(data), noise).x;
}

/// Every transform on the units it takes: bytes for unit, grey values for the others.
class TransformContract : public ::testing::TestWithParam<Part> {
 protected:
  TransformContract() {
    Rng rng(1, "transform");
    Tensor grey = uniform(rng, {2500, 4});
    mask = (uniform(rng, {2500, 4}) < 0.8).to(at::kFloat);
    x = (GetParam().type == "unit" ? (255 * grey).round() : grey) * mask;
    data = table(x, mask);
    pipeline.fit(*data);
  }
  Tensor x, mask;
  DatasetPtr data;
  Pipeline pipeline{{GetParam()}, table_schema(4)};
  TransformNoise training = TransformNoise::for_training(1, 0);
};

TEST_P(TransformContract, LeavesMissingCellsAtZero) {
  Batch batch = pipeline.apply(everything(*data), training);
  EXPECT_TRUE(((batch.x == 0).logical_or(mask == 1)).all().item<bool>());
  EXPECT_TRUE(((batch.encoder_input() == 0).logical_or(mask == 1)).all().item<bool>());
  EXPECT_TRUE(at::equal(batch.mask, mask));
  EXPECT_EQ(batch.x.scalar_type(), at::kFloat);
}

TEST_P(TransformContract, InvertsItselfOrKeepsTheUnits) {
  Batch batch = pipeline.apply(everything(*data), training);
  Tensor back = pipeline.invert(batch.x) * mask;
  bool draws = GetParam().type == "binarise";
  if (draws) {
    EXPECT_TRUE(at::equal(back, batch.x));
  } else {
    EXPECT_LT(((back - x).abs() / (1 + x)).max().item<double>(), 1e-6);
  }
  Tensor two = pipeline.invert(at::stack({batch.x, batch.x}));
  EXPECT_LT(max_difference(two[1], pipeline.invert(batch.x)), 1e-12) << "x [K, B, event]";
}

TEST_P(TransformContract, ARowIsTreatedAlikeInAnyBatch) {
  Batch all = pipeline.apply(everything(*data), training);
  Batch some = pipeline.apply(rows(*data, {40, 3, 1999}), training);
  EXPECT_TRUE(at::equal(some.x[0], all.x[40]));
  EXPECT_TRUE(at::equal(some.encoder_input()[2], all.encoder_input()[1999]));
}

TEST_P(TransformContract, EvaluationIsTheSameForAllRuns) {
  TransformNoise noise = TransformNoise::for_evaluation();
  Batch first = pipeline.apply(everything(*data), noise);
  EXPECT_FALSE(first.input.defined());
  EXPECT_TRUE(at::equal(first.x, pipeline.apply(everything(*data), noise).x));
}

TEST_P(TransformContract, StateRoundTripsByteForByte) {
  Bytes bytes = encode_tensors(state_of(pipeline));
  Pipeline other({GetParam()}, table_schema(4));
  load_state(other, parse_tensors(bytes, "test"), "test");
  EXPECT_EQ(encode_tensors(state_of(other)), bytes);
  EXPECT_TRUE(at::equal(other.apply(everything(*data), training).x,
                        pipeline.apply(everything(*data), training).x));
}

TEST_P(TransformContract, DoesNotTouchItsSource) {
  pipeline.apply(everything(*data), training);
  EXPECT_TRUE(at::equal(everything(*data).x, x));
}

TEST_P(TransformContract, LogSlopeIsThatOfTheForwardMap) {
  std::optional<Tensor> slope = pipeline.log_slope();
  const bool is_discrete = GetParam().type == "binarise";
  ASSERT_EQ(slope.has_value(), !is_discrete);
  if (is_discrete) return;
  const double scale = GetParam().type == "unit" ? 255 : 1, from = 0.25 * scale, to = 0.75 * scale;
  Tensor ends = at::stack({at::full({4}, from), at::full({4}, to)}).to(at::kFloat);
  Tensor t = pipeline.apply(everything(*table(ends)), training).x.to(at::kDouble);
  Tensor numeric = ((t[1] - t[0]) / (to - from)).log();
  EXPECT_LT(max_difference(numeric, slope->expand({4})), 1e-5);
}

INSTANTIATE_TEST_SUITE_P(Every, TransformContract,
                         ::testing::ValuesIn(testing::variants(transforms())));

TEST(Pipeline, LogSlopesAddUpAndConstantColumnsAreOnlyShifted) {
  Rng rng(4, "slopes");
  Tensor x = (uniform(rng, {500, 3}) * at::tensor({255.f, 40.f, 0.f})).round() + 7;
  DatasetPtr data = table(x);
  Pipeline pipeline({"unit", "standardise"}, table_schema(3));
  pipeline.fit(*data);
  Tensor sd = x.to(at::kDouble).std(0, false);
  sd[2] = 255;  // the slope of `unit` alone
  EXPECT_LT(max_difference(*pipeline.log_slope(), -sd.log()), 1e-6);
  EXPECT_EQ(pipeline.units(), "standardised columns");
  EXPECT_EQ(Pipeline({}, table_schema(3)).units(), "data's own units");
  EXPECT_EQ(Pipeline({"unit", "binarise"}, table_schema(3)).units(), "zeros and ones");
  EXPECT_EQ(Pipeline({"unit", "corrupt"}, table_schema(3)).units(), "columns 0 to 1");
}

TEST(Binarise, OnceIsOnceForTrainingEvaluationAndEveryRun) {
  DatasetPtr data = table(at::full({400, 4}, 0.5));
  auto seen = [&](const char* mode, const TransformNoise& noise) {
    return applied(part("binarise", mode), *data, noise);
  };
  const char* once = "mode = \"once\"";
  Tensor evaluated = seen(once, TransformNoise::for_evaluation());
  EXPECT_GT(evaluated.std().item<double>(), 0.4);
  for (uint64_t seed : {1, 2}) {
    for (int64_t epoch : {0, 7}) {
      TransformNoise training = TransformNoise::for_training(seed, epoch);
      EXPECT_TRUE(at::equal(seen(once, training), evaluated)) << seed << " " << epoch;
      EXPECT_FALSE(at::equal(seen("", training), evaluated)) << "dynamic";
    }
  }
  DatasetPtr part_of = subset(data, {5, 311});  // as a split, of whatever size
  Tensor some = applied(part("binarise", once), *part_of, TransformNoise::for_training(3, 1));
  EXPECT_TRUE(at::equal(some[1], evaluated[311]));
}

TEST(Standardise, StreamedEqualsDirect) {
  Rng rng(2, "standardise");
  Tensor x = normal(rng, {3000, 4}) * at::tensor({1.f, 10.f, 0.01f, 5.f}) +
             at::tensor({0.f, 1000.f, -1.f, 3.f});
  DatasetPtr data = table(x);  // three batches of 1,024
  Pipeline pipeline({"standardise"}, table_schema(4));
  pipeline.fit(*data);
  auto buffers = pipeline.named_buffers();
  Tensor exact = x.to(at::kDouble), mean = exact.mean(0), sd = exact.std(0, false);
  EXPECT_LT(((buffers["0_standardise.shift"] - mean).abs() / sd).max().item<double>(), 1e-5);
  EXPECT_LT((buffers["0_standardise.scale"] / sd - 1).abs().max().item<double>(), 1e-6);
  Tensor z = pipeline.apply(everything(*data), TransformNoise::for_evaluation()).x.to(at::kDouble);
  EXPECT_LT(max_difference(z.mean(0), at::zeros({4})), 1e-4);
  EXPECT_LT(max_difference(z.std(0, false), at::ones({4})), 1e-4);
}

TEST(Standardise, CountsObservedCellsOnly) {
  Rng rng(3, "standardise");
  Tensor x = normal(rng, {2500, 3}) + 5, mask = (uniform(rng, {2500, 3}) < 0.5).to(at::kFloat);
  mask.narrow(0, 0, 1024).select(1, 2).zero_();  // nothing observed in the first batch
  DatasetPtr data = table(x * mask, mask);
  Pipeline pipeline({"standardise"}, table_schema(3));
  pipeline.fit(*data);
  auto buffers = pipeline.named_buffers();
  for (int64_t j = 0; j < 3; ++j) {
    Tensor seen = x.select(1, j).masked_select(mask.select(1, j) == 1).to(at::kDouble);
    EXPECT_LT(max_difference(buffers["0_standardise.shift"][j], seen.mean()), 1e-5);
    EXPECT_LT(max_difference(buffers["0_standardise.scale"][j], seen.std(0, false)), 1e-5);
  }
}

TEST(Affine, ConstantAndUnseenColumnsStayFinite) {
  for (const char* type : {"standardise", "min-max"}) {
    Tensor x = at::tensor({0.1f, 1e8f, 0.f, 1.f}).repeat({2000, 1}), mask = at::ones({2000, 4});
    x.select(1, 3).copy_(at::arange(2000));
    mask.select(1, 2).zero_();
    DatasetPtr data = table(x, mask);
    Pipeline pipeline({type}, table_schema(4));
    pipeline.fit(*data);
    Tensor z = pipeline.apply(everything(*data), TransformNoise::for_evaluation()).x;
    EXPECT_LT(max_difference(z.narrow(1, 0, 3), at::zeros({2000, 3})), 1e-6) << type;
    EXPECT_LT(max_difference(pipeline.invert(z), x), 1e-3) << type;
    EXPECT_GT(z.select(1, 3).std().item<double>(), 0.1) << type;
  }
}

TEST(Affine, NumbersThatF32WouldMergeComeBack) {
  // Seconds since 1970, a column around 1e-20, one around 1e20, one of both zero and far values.
  Tensor t = at::arange(400, at::kDouble);
  Tensor x =
      at::stack({1714521600 + t, 1e-20 * (t - 200), 1e20 + 1e15 * t, 1e17 * (t.remainder(2))}, 1);
  RawSet raw;
  raw.x = to_array(x);
  DatasetPtr data = make_dataset(raw, table_schema(4));
  for (const char* type : {"standardise", "min-max"}) {
    Pipeline pipeline({type}, table_schema(4));
    pipeline.fit(*data);
    Tensor z = pipeline.apply(everything(*data), TransformNoise::for_evaluation()).x;
    EXPECT_EQ(z.scalar_type(), at::kFloat);
    for (int64_t c = 0; c < 3; ++c) {
      EXPECT_EQ(std::get<0>(at::_unique(z.select(1, c))).numel(), 400) << type << c;
    }
    Tensor back = pipeline.invert(z);
    ASSERT_EQ(back.scalar_type(), at::kDouble);
    Tensor spread = x.amax(0) - x.amin(0);
    EXPECT_LT(((back - x).abs() / spread).max().item<double>(), 1e-6) << type;
  }
}

TEST(Affine, ConstantsAreGivenBackWhateverTheModelSays) {
  for (double constant : {5.0, 0.0, -1e-20, 1e20, 1714521601.0}) {
    Tensor x = at::stack({at::full({50}, constant, at::kDouble), at::arange(50, at::kDouble)}, 1);
    RawSet raw;
    raw.x = to_array(x);
    for (const char* type : {"standardise", "min-max"}) {
      Pipeline pipeline({type}, table_schema(2));
      DatasetPtr data = make_dataset(raw, table_schema(2));
      pipeline.fit(*data);
      Tensor z = pipeline.apply(everything(*data), TransformNoise::for_evaluation()).x;
      EXPECT_TRUE((z.select(1, 0) == 0).all().item<bool>()) << type << constant;
      Tensor back = pipeline.invert(z + 3);
      EXPECT_TRUE((back.select(1, 0).to(at::kDouble) - constant).abs().max().item<double>() <=
                  1e-7 * std::abs(constant))
          << type << constant;
      if (constant == 1714521601) {
        EXPECT_EQ(back[0][0].item<double>(), constant);
      }
    }
  }
}

TEST(Affine, BuffersOfOlderModelsAreF32) {
  Pipeline pipeline({"standardise"}, table_schema(2));
  NamedTensors old;
  for (auto& [name, tensor] : state_of(pipeline)) old.emplace_back(name, tensor.to(at::kFloat) + 2);
  load_state(pipeline, old, "test");
  EXPECT_EQ(pipeline.named_buffers()["0_standardise.shift"].scalar_type(), at::kDouble);
  EXPECT_EQ(pipeline.named_buffers()["0_standardise.shift"][1].item<double>(), 2);
}

TEST(MinMax, ReachesExactlyZeroAndOne) {
  Rng rng(4, "min-max");
  Tensor x = normal(rng, {2500, 20}) * 37 - 11,
         mask = (uniform(rng, {2500, 20}) < 0.9).to(at::kFloat);
  DatasetPtr data = table(x * mask, mask);
  Pipeline pipeline({"min-max"}, table_schema(20));
  pipeline.fit(*data);
  Tensor z = pipeline.apply(everything(*data), TransformNoise::for_evaluation()).x;
  EXPECT_TRUE(at::equal(z.masked_fill(mask == 0, 1).amin(0), at::zeros({20})));
  EXPECT_TRUE(at::equal(z.amax(0), at::ones({20}))) << "never above: bernoulli would refuse it";
}

TEST(MinMax, HoldsValuesBeyondTheTrainingRangeAtItsEnds) {
  DatasetPtr data = table(at::tensor({-2.f, 2.f, 5.f, 5.f}).view({2, 2}).t().contiguous());
  DatasetPtr more = table(at::tensor({-9.f, 3.f, 5.f, 2.f, 0.f, 6.f}).view({3, 2}));
  TransformNoise noise = TransformNoise::for_evaluation();
  Pipeline clipped({"min-max"}, table_schema(2)),
      free({part("min-max", "clip = false")}, table_schema(2));
  clipped.fit(*data);
  free.fit(*data);
  Tensor z = free.apply(everything(*more), noise).x;
  EXPECT_TRUE((z < 0).any().item<bool>() && (z > 1).any().item<bool>());
  EXPECT_TRUE(at::equal(clipped.apply(everything(*more), noise).x, z.clamp(0, 1)));
  EXPECT_LT(max_difference(free.invert(z).select(1, 0), everything(*more).x.select(1, 0)), 1e-6);
  EXPECT_TRUE((free.invert(z).select(1, 1) == 5).all().item<bool>()) << "a constant column";
  EXPECT_TRUE(at::equal(clipped.invert(z), free.invert(z)));
}

TEST(Unit, MapsBytesOntoZeroToOne) {
  Tensor bytes = at::arange(256, at::kFloat).view({256, 1});
  Tensor z = applied("unit", *table(bytes), TransformNoise::for_evaluation());
  EXPECT_LT(max_difference(z, bytes / 255), 1e-7);
  EXPECT_EQ(z.max().item<double>(), 1);
}

TEST(Unit, MapsBlackAndWhiteOntoZeroAndOne) {
  Rng rng(7, "unit");
  for (ValueRange range : {ValueRange{0, 1}, {0, 16}, {0, 65535}, {-1024, 3071}, {-0.5, 2.25}}) {
    Schema schema = testing::image_schema(1, 3, 4);
    schema.range = range;
    Tensor x = range.lo + (range.hi - range.lo) * uniform(rng, {50, 3, 4});
    x[0][0][0] = range.lo, x[0][0][1] = range.hi;
    Tensor mask = (uniform(rng, {50, 3, 4}) < 0.8).to(at::kByte);
    mask[0][0] = 1;
    RawSet raw;
    raw.x = to_array(x * mask), raw.mask = to_array(mask);
    DatasetPtr data = make_dataset(raw, schema);
    Pipeline pipeline({"unit"}, schema);
    Batch batch = pipeline.apply(everything(*data), TransformNoise::for_evaluation());
    EXPECT_EQ(batch.x[0][0][0][0].item<float>(), 0);
    EXPECT_EQ(batch.x[0][0][0][1].item<float>(), 1);
    EXPECT_TRUE((batch.x >= 0).logical_and(batch.x <= 1).all().item<bool>());
    EXPECT_TRUE(((batch.x == 0).logical_or(batch.mask == 1)).all().item<bool>());
    Tensor back = (pipeline.invert(batch.x) - everything(*data).x) * batch.mask;
    EXPECT_LT(back.abs().max().item<double>(), 1e-6 * (range.hi - range.lo));
  }
}

TEST(Binarise, MeanOfTheDrawsIsTheGreyValue) {
  Tensor grey = at::tensor({0.f, 0.1f, 0.5f, 0.9f, 1.f});
  DatasetPtr data = table(grey.repeat({20000, 1}));
  for (const char* options : {"mode = 'dynamic'", "mode = 'once'"}) {
    Tensor z = applied(part("binarise", options), *data, TransformNoise::for_training(1, 0));
    EXPECT_TRUE(((z == 0).logical_or(z == 1)).all().item<bool>());
    EXPECT_LT(standard_errors_off(z, grey), 5) << options;
  }
}

TEST(Binarise, DynamicDrawsAnewEachEpochAndOnceDoesNot) {
  DatasetPtr data = table(at::full({200, 5}, 0.5));
  auto drawn = [&](const char* options, uint64_t seed, int64_t epoch) {
    return applied(part("binarise", options), *data, TransformNoise::for_training(seed, epoch));
  };
  const char *dynamic = "mode = 'dynamic'", *once = "mode = 'once'";
  EXPECT_TRUE(at::equal(drawn(dynamic, 1, 3), drawn(dynamic, 1, 3)));
  Tensor agree = (drawn(dynamic, 1, 3) == drawn(dynamic, 1, 4)).to(at::kFloat);
  EXPECT_NEAR(agree.mean().item<double>(), 0.5, 0.08) << "epochs must be independent";
  EXPECT_TRUE(at::equal(drawn(once, 1, 3), drawn(once, 1, 4)));
  EXPECT_TRUE(at::equal(drawn(once, 1, 3), drawn(once, 2, 3)));
}

TEST(Binarise, RefusesWhatIsNoChance) {
  Schema schema = table_schema(2);
  schema.columns = {"width", "height"};
  TransformNoise noise = TransformNoise::for_evaluation();
  Batch batch = everything(*table(at::tensor({0.f, 1.f, 0.5f, 3.f}).view({2, 2})));
  for (const char* options : {"mode = 'dynamic'", "mode = 'once'"}) {
    EXPECT_EQ(error_of([&] { Pipeline({part("binarise", options)}, schema).apply(batch, noise); }),
              "data: x to be binarised must be in [0, 1]: got 3 at [1, 1], column 'height'\nPut "
              "`unit` (for images) or `min-max` (for columns) before `binarise`.");
  }
  Pipeline threshold({part("binarise", "mode = 'threshold'")}, schema);
  EXPECT_EQ(threshold.apply(batch, noise).x.sum().item<double>(), 2);
}

TEST(Binarise, ThresholdCutsAboveIt) {
  DatasetPtr data = table(at::tensor({0.2f, 0.5f, 0.6f, 0.8f}).view({1, 4}));
  TransformNoise noise = TransformNoise::for_evaluation();
  EXPECT_TRUE(at::equal(applied(part("binarise", "mode = 'threshold'"), *data, noise)[0],
                        at::tensor({0.f, 0.f, 1.f, 1.f})));
  Tensor high = applied(part("binarise", "mode = 'threshold'\nthreshold = 0.7"), *data, noise);
  EXPECT_TRUE(at::equal(high[0], at::tensor({0.f, 0.f, 0.f, 1.f})));
}

TEST(Corrupt, DamagesOnlyWhatTheEncoderSeesWhileTraining) {
  DatasetPtr data = table(at::full({20000, 2}, 2.0));
  for (const char* options : {"kind = 'gaussian'\namount = 0.5", "kind = 'drop'\namount = 0.25"}) {
    Pipeline pipeline({part("corrupt", options)}, table_schema(2));
    Batch training = pipeline.apply(everything(*data), TransformNoise::for_training(1, 0));
    EXPECT_TRUE(at::equal(training.x, everything(*data).x));
    ASSERT_TRUE(training.input.defined());
    Batch evaluated = pipeline.apply(everything(*data), TransformNoise::for_evaluation());
    EXPECT_FALSE(evaluated.input.defined());
    if (std::string(options).find("drop") != std::string::npos) {
      EXPECT_LT(standard_errors_off((training.input == 0).to(at::kFloat), at::full({2}, 0.25)), 5);
      EXPECT_TRUE(((training.input == 0).logical_or(training.input == 2)).all().item<bool>());
    } else {
      Tensor noise = training.input - 2;
      EXPECT_LT(standard_errors_off(noise, at::zeros({2})), 5);
      EXPECT_LT(standard_errors_off(noise.square(), at::full({2}, 0.25)), 5);
      EXPECT_LT(standard_errors_off(noise.pow(4), at::full({2}, 3 * 0.0625)), 5) << "normal";
    }
  }
}

TEST(Pipeline, FitsEachStepOnWhatReachesIt) {
  Rng rng(5, "pipeline");
  Tensor x = normal(rng, {1500, 3}) * 4 + 9;
  DatasetPtr data = table(x);
  Pipeline pipeline({"standardise", "min-max"}, table_schema(3));
  pipeline.fit(*data);
  Tensor z = pipeline.apply(everything(*data), TransformNoise::for_evaluation()).x;
  EXPECT_TRUE(at::equal(z.amin(0), at::zeros({3})));
  EXPECT_TRUE(at::equal(z.amax(0), at::ones({3})));
  EXPECT_LT(max_difference(pipeline.invert(z), x), 1e-4);
}

// A pipeline that could binarise bytes as they are makes of them what it makes of f32.
TEST(Pipeline, MakesTheSameOfBytesAsTheyAreStored) {
  RawSet raw;
  raw.x = to_array(at::arange(256 * 40).remainder(256).view({40, 256}).to(at::kByte));
  raw.mask = to_array((at::arange(256 * 40).remainder(7) > 0).view({40, 256}).to(at::kByte));
  DatasetPtr data = make_dataset(raw, table_schema(256));
  std::vector<int64_t> all(40);
  std::iota(all.begin(), all.end(), 0);
  ASSERT_EQ(data->get_stored(all).x.scalar_type(), at::kByte);
  TransformNoise noise = TransformNoise::for_training(1, 0);
  for (const char* mode : {"mode = 'dynamic'", "mode = 'once'", "mode = 'threshold'"}) {
    for (const std::vector<Part>& parts :
         {std::vector<Part>{"unit", part("binarise", mode)}, {"unit"}, {}}) {
      Pipeline pipeline(parts, data->schema());
      Tensor x = pipeline.apply(data->get_stored(all), noise).x;
      EXPECT_EQ(x.scalar_type(), at::kFloat);
      EXPECT_TRUE(at::equal(x, pipeline.apply(data->get(all), noise).x)) << mode << parts.size();
    }
  }
}

TEST(Pipeline, BytesOfAnotherRangeAreScaledByIt) {
  RawSet raw;
  raw.x = to_array(at::arange(17 * 12).remainder(17).view({17, 3, 4}).to(at::kByte));
  Schema schema = testing::image_schema(1, 3, 4);
  schema.range = {0, 16};
  DatasetPtr data = make_dataset(raw, schema);
  std::vector<int64_t> all(17);
  std::iota(all.begin(), all.end(), 0);
  TransformNoise noise = TransformNoise::for_training(1, 0);
  Pipeline pipeline({"unit", "binarise"}, schema);
  Tensor x = pipeline.apply(data->get_stored(all), noise).x;
  EXPECT_TRUE(at::equal(x, pipeline.apply(data->get(all), noise).x));
  Tensor white = everything(*data).x == 16;
  EXPECT_TRUE((x.masked_select(white) == 1).all().item<bool>());
}

TEST(Pipeline, NothingFollowsTheStepThatComesLast) {
  EXPECT_EQ(
      error_of([] {
        Pipeline({"corrupt", "standardise"}, table_schema(2));
      }),
      "usage: transform: 'corrupt' must be the last step, but 'standardise' follows it\nMove it "
      "to the end.");
}

TEST(Pipeline, KeepsTheShapeOfImages) {
  RawSet raw;
  raw.x = to_array(at::arange(2 * 4 * 5 * 3).view({2, 4, 5, 3}).to(at::kByte));
  DatasetPtr data = make_dataset(raw, testing::image_schema(3, 4, 5));
  Pipeline pipeline({"unit", "standardise", "min-max", "binarise", "corrupt"}, data->schema());
  pipeline.fit(*data);
  Batch batch = pipeline.apply(everything(*data), TransformNoise::for_training(1, 0));
  EXPECT_EQ(batch.x.sizes(), at::IntArrayRef({2, 3, 4, 5}));
  EXPECT_EQ(batch.input.sizes(), at::IntArrayRef({2, 3, 4, 5}));
  EXPECT_EQ(pipeline.invert(batch.x).sizes(), at::IntArrayRef({2, 3, 4, 5}));
}

}  // namespace
}  // namespace elbo
