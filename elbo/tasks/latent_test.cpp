// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/latent.h"

#include <gtest/gtest.h>

#include "elbo/tasks/testing.h"

namespace elbo {
namespace {

struct Opened {
  explicit Opened(const Path& folder) : run(open_run(folder)) {
    std::string split;
    data = held_out_split(open_for(run, ""), split);
  }
  Run run;
  DatasetPtr data;
};

std::vector<Path> both_runs() { return {table_run(), picture_run()}; }

TEST(Encode, IsThePosteriorMean) {
  for (const Path& folder : both_runs()) {
    Opened o(folder);
    std::vector<int64_t> rows = {3, 0, 5};
    Tensor mean = encode(o.run, *o.data, rows).mean;
    Batch batch =
        o.run.trained.pipeline->apply(o.data->get(rows), TransformNoise::for_evaluation());
    Rng rng(0);
    at::NoGradGuard no_grad;
    Tensor own = posterior_mean(o.run.trained.model->encode(batch, rng));
    EXPECT_TRUE(at::allclose(mean, own, 1e-5, 1e-6));
  }
}

TEST(Encode, PartsMakeTheWhole) {
  Opened o(table_run());
  std::vector<int64_t> rows;
  for (int64_t i = 0; i < 2 * kRowsTogether + 100; ++i) rows.push_back(i % o.data->size());
  DecodeOptions drawn;
  drawn.decode = "sample";
  EncodeOptions draws;
  draws.draws = 2;
  draws.seed = drawn.seed = 4;
  Reconstruction whole = reconstruct(o.run, *o.data, rows, drawn);
  Codes codes = encode(o.run, *o.data, rows, draws);
  Noise noise(4), again(4);
  for (int64_t begin = 0; begin < static_cast<int64_t>(rows.size()); begin += kRowsTogether) {
    int64_t n = std::min(kRowsTogether, static_cast<int64_t>(rows.size()) - begin);
    std::span<const int64_t> some(rows.data() + begin, static_cast<size_t>(n));
    EXPECT_TRUE(at::equal(reconstruct(o.run, *o.data, some, drawn, noise).result,
                          whole.result.narrow(0, begin, n)));
    Codes part = encode(o.run, *o.data, some, draws, again);
    EXPECT_TRUE(at::equal(part.mean, codes.mean.narrow(0, begin, n)));
    EXPECT_TRUE(at::equal(part.draws, codes.draws.narrow(1, begin, n)));
  }
}

TEST(Encode, DoesNotDependOnTheOtherRowsAsked) {
  Opened o(picture_run());
  std::vector<int64_t> all = spaced_rows(o.data->size(), 0), one = {7};
  Tensor whole = encode(o.run, *o.data, all).mean;
  EXPECT_TRUE(at::allclose(whole[7], encode(o.run, *o.data, one).mean[0], 1e-5, 1e-6));
}

// Whatever the rows before and beside it, to the last bit: kernels add in a fixed order.
TEST(Encode, ARowIsTheSameInAnyBatch) {
  for (const Path& folder : both_runs()) {
    Opened o(folder);
    DatasetPtr all = open_for(o.run, "").all;
    std::vector<int64_t> rows = spaced_rows(all->size(), 0), turned(rows.rbegin(), rows.rend());
    Codes whole = encode(o.run, *all, rows), other = encode(o.run, *all, turned);
    EXPECT_TRUE(at::equal(other.mean.flip(0), whole.mean));
    for (int64_t row : {0, 3, 77}) {
      std::vector<int64_t> one = {row};
      EXPECT_TRUE(at::equal(encode(o.run, *all, one).mean[0], whole.mean[row])) << row;
    }
  }
}

TEST(Encode, DrawsHaveThePosteriorsMeanAndDeviation) {
  Opened o(table_run());
  std::vector<int64_t> rows = {0, 1};
  EncodeOptions options;
  options.draws = 4000;
  Codes codes = encode(o.run, *o.data, rows, options);
  ASSERT_EQ(codes.draws.sizes(), (std::vector<int64_t>{4000, 2, 2}));
  EXPECT_LT(((codes.draws.mean(0) - codes.mean) / codes.sd).abs().max().item<double>(), 0.1);
  EXPECT_LT((codes.draws.std(0, true) / codes.sd - 1).abs().max().item<double>(), 0.1);
}

TEST(Decode, OfEncodeIsReconstruct) {
  for (const Path& folder : both_runs()) {
    Opened o(folder);
    std::vector<int64_t> rows = spaced_rows(o.data->size(), 9);
    Reconstruction found = reconstruct(o.run, *o.data, rows);
    EXPECT_TRUE(at::equal(found.result, decode(o.run, encode(o.run, *o.data, rows).mean)));
    EXPECT_TRUE(at::equal(found.x, o.data->get(rows).x));
  }
}

TEST(Decode, GivesTheUnitsOfTheData) {
  Opened table(table_run()), pictures(picture_run());
  Tensor x = decode(table.run, at::zeros({1, 2}));
  EXPECT_GT(x[0][0].item<double>(), 400);
  EXPECT_LT(x[0][0].item<double>(), 1100);
  Tensor picture = decode(pictures.run, at::zeros({1, 2}));
  EXPECT_GT(picture.max().item<double>(), 20);
  EXPECT_LE(picture.max().item<double>(), 255);
}

TEST(Decode, KeepsTheShapeInFront) {
  Opened o(picture_run());
  Tensor z = at::arange(3 * 4 * 2, at::kFloat).view({3, 4, 2}) / 10;
  Tensor x = decode(o.run, z);
  ASSERT_EQ(x.sizes(), (std::vector<int64_t>{3, 4, 1, 6, 5}));
  EXPECT_TRUE(at::allclose(x[2][1], decode(o.run, z[2][1]), 1e-4, 1e-3));
}

TEST(Decode, RefusesLatentsOfAnotherSizeAndNumbersThatAreNotFinite) {
  Opened o(table_run());
  EXPECT_THROW(decode(o.run, at::zeros({4, 3})), Error);
  Tensor z = at::zeros({4, 2});
  z[1][0] = NAN;
  try {
    decode(o.run, z);
    FAIL();
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::data);
    EXPECT_NE(e.message().find("[1, 0]"), std::string::npos) << e.message();
  }
}

TEST(Sample, TheSameSeedGivesTheSameDrawsAndAnotherOneOthers) {
  Opened o(table_run());
  SampleOptions options;
  options.decode = "sample";
  Samples a = sample(o.run, options), b = sample(o.run, options);
  EXPECT_TRUE(at::equal(a.x, b.x));
  options.seed = 1;
  EXPECT_FALSE(at::equal(a.z, sample(o.run, options).z));
}

TEST(Sample, WithoutTemperatureIsTheDecodedMeanOfThePrior) {
  Opened o(table_run());
  SampleOptions options;
  options.decode = "mean";
  options.temperature = 0;
  options.count = 3;
  EXPECT_TRUE(at::allclose(sample(o.run, options).x[2], decode(o.run, at::zeros({2}))));
}

TEST(Sample, DrawsTablesWithTheirNoiseAndShowsTheMeansOfImages) {
  Opened table(table_run()), pictures(picture_run());
  SampleOptions options;
  options.count = 400;
  options.temperature = 0;  // one z for all: what differs is noise
  Samples drawn = sample(table.run, options);
  EXPECT_EQ(drawn.decode, "sample");
  EXPECT_GT(drawn.x.std(0).min().item<double>(), 0);
  Samples means = sample(pictures.run, options);
  EXPECT_EQ(means.decode, "mean");
  EXPECT_EQ((means.x - means.x[0]).abs().max().item<double>(), 0);
  options.decode = "mean";
  EXPECT_EQ(sample(table.run, options).decode, "mean");
  EXPECT_EQ(sample(table.run, options).x.std(0).max().item<double>(), 0);
}

TEST(Interpolate, EndsAreTheReconstructionsOfTheRows) {
  Opened o(table_run());
  for (const char* path : {"linear", "spherical"}) {
    InterpolateOptions options;
    options.from = {0, 4};
    options.to = {1, 9};
    options.steps = 5;
    options.path = path;
    Interpolation ways = interpolate(o.run, *o.data, options);
    Tensor from = reconstruct(o.run, *o.data, options.from).result;
    Tensor to = reconstruct(o.run, *o.data, options.to).result;
    EXPECT_TRUE(at::allclose(ways.x.select(1, 0), from, 1e-4)) << path;
    EXPECT_TRUE(at::allclose(ways.x.select(1, 4), to, 1e-4)) << path;
  }
}

TEST(Interpolate, OnTheSphericalWayTheLengthChangesEvenly) {
  Opened o(table_run());
  InterpolateOptions options;
  options.path = "spherical";
  options.from = {0, 2};
  options.to = {1, 7};
  options.steps = 9;
  Tensor lengths = interpolate(o.run, *o.data, options).z.norm(2, -1);  // [2, 9]
  Tensor first = lengths.narrow(1, 0, 1), last = lengths.narrow(1, 8, 1);
  Tensor even = first + (last - first) * at::linspace(0, 1, 9);
  EXPECT_TRUE(at::allclose(lengths, even, 1e-4, 1e-5));
}

TEST(Interpolate, RandomPairsDifferInTheirLabel) {
  Opened o(picture_run());
  Interpolation ways = interpolate(o.run, *o.data, {});
  ASSERT_EQ(ways.from.size(), 8u);
  Tensor from = o.data->get(ways.from).y, to = o.data->get(ways.to).y;
  EXPECT_FALSE((from == to).any().item<bool>());
}

TEST(Interpolate, RefusesRowsThatAreNotThere) {
  Opened o(table_run());
  InterpolateOptions options;
  options.from = {0};
  EXPECT_THROW(interpolate(o.run, *o.data, options), Error);
  options.to = {o.data->size()};
  EXPECT_THROW(interpolate(o.run, *o.data, options), Error);
}

TEST(Traverse, MovesOneDimensionAndLeavesTheOthers) {
  Opened o(picture_run());
  TraverseOptions options;
  options.dims = {1};
  options.steps = 3;
  options.row = 2;
  Traversal found = traverse(o.run, *o.data, options);
  std::vector<int64_t> row = {2};
  Tensor mean = encode(o.run, *o.data, row).mean[0];
  EXPECT_EQ(found.positions, (std::vector<double>{-3, 0, 3}));
  for (int64_t s = 0; s < 3; ++s) {
    EXPECT_EQ(found.z[0][s][1].item<double>(), found.positions[size_t(s)]);
    EXPECT_EQ(found.z[0][s][0].item<float>(), mean[0].item<float>());
  }
}

TEST(Traverse, TakesTheDimensionsOfLargestKlFirst) {
  Opened o(table_run());
  Traversal found = traverse(o.run, *o.data, {});
  Evaluation e = evaluate(*o.run.trained.model, *o.run.trained.pipeline, *o.data, {}, 0);
  ASSERT_EQ(found.dims.size(), 2u);
  EXPECT_GE(e.kl_per_dimension[size_t(found.dims[0])], e.kl_per_dimension[size_t(found.dims[1])]);
}

}  // namespace
}  // namespace elbo
