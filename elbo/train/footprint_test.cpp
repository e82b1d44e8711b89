// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/footprint.h"

#include <gtest/gtest.h>

#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::error_of;

Part part(const char* text) {
  return Part::from_value(parse_toml(std::string("p = ") + text, "").at("p"));
}

struct Case {
  const char *encoder, *posterior, *prior;
  std::vector<int64_t> shape;
};

std::vector<Case> cases() {
  const char* mlp = "{ type = 'mlp', sizes = [40, 30], norm = 'batch' }";
  const char* conv =
      "{ type = 'conv', channels = [4, 6], kernel = 3, dense = [8], norm = 'layer' }";
  std::vector<Case> out;
  for (const char* posterior : {"diagonal", "full", "point"}) {
    for (const char* prior : {"'normal'", "{ type = 'vamp', components = 7 }"}) {
      if (std::string(posterior) == "point" && prior[0] == '{') continue;
      out.push_back({mlp, posterior, prior, {12}});
      out.push_back({conv, posterior, prior, {3, 16, 12}});
    }
  }
  return out;
}

ModelOptions options_of(const Case& c) {
  ModelOptions out;
  out.latent = 6;
  out.encoder = part(c.encoder);
  out.posterior = c.posterior;
  out.prior = part(c.prior);
  out.likelihood = "gaussian";
  return out;
}

Schema schema_of(const Case& c) {
  return c.shape.size() == 3 ? testing::image_schema(c.shape[0], c.shape[1], c.shape[2])
                             : testing::table_schema(c.shape[0]);
}

// The model that is a shape alone has the weights of the one that is trained.
TEST(Footprint, CountsTheWeightsOfTheModel) {
  for (const Case& c : cases()) {
    Rng rng(1);
    auto model = make_model(options_of(c), schema_of(c), rng);
    int64_t numbers = 0;
    for (const Tensor& t : model->parameters()) numbers += t.numel();
    for (const Tensor& t : model->buffers()) numbers += t.numel();
    Footprint found = footprint_of(options_of(c), {}, {}, schema_of(c), 1000);
    EXPECT_EQ(found.weights, numbers) << c.encoder << c.posterior << c.prior;
    EXPECT_GT(found.of_batch, 0) << c.encoder;
  }
}

TEST(Footprint, GrowsWithWhatIsAsked) {
  const Case c = cases()[0];
  ModelOptions model = options_of(c);
  auto bytes = [&](const ModelOptions& m, const TrainOptions& t, int64_t rows) {
    return footprint_of(m, {}, t, schema_of(c), rows).bytes();
  };
  TrainOptions small;
  small.batch = 100;
  const double first = bytes(model, small, 1000);
  TrainOptions more = small;
  more.batch = 200;
  EXPECT_GT(bytes(model, more, 1000), first);
  more.batch = 1 << 24;
  EXPECT_EQ(bytes(model, more, 100), bytes(model, small, 100))
      << "no batch is larger than the data";
  TrainOptions plain = small;
  plain.ema = 0;
  EXPECT_LT(bytes(model, plain, 1000), first);
  model.latent = 60;
  EXPECT_GT(bytes(model, small, 1000), first);
}

// Sizes that no machine has, found out at once: nothing of that size is made.
TEST(Footprint, IsFoundForModelsThatFitNowhere) {
  ModelOptions model;
  model.likelihood = "gaussian";
  model.posterior = "full";
  model.latent = 65536;
  Footprint found = footprint_of(model, {}, {}, testing::table_schema(784), 60000);
  EXPECT_GT(found.of_weights, 1e13);
  EXPECT_GT(found.of_posterior, 1e12);
  std::string error = error_of([&] { check_footprint(found, 24e9); });
  EXPECT_TRUE(error.starts_with("resource: training would take about ")) << error;
  EXPECT_NE(error.find(" GB of memory, and 24 GB are free: "), std::string::npos) << error;
  EXPECT_NE(error.find("Lower model.latent"), std::string::npos) << error;
  EXPECT_NO_THROW(check_footprint(found, found.bytes()));
}

TEST(Footprint, NamesTheBatchWhereThatTakesMost) {
  TrainOptions train;
  train.batch = 1 << 24;
  Footprint found =
      footprint_of(options_of(cases()[0]), {}, train, schema_of(cases()[0]), int64_t{1} << 40);
  EXPECT_NE(error_of([&] { check_footprint(found, 1e9); }).find("\nLower train.batch"),
            std::string::npos);
}

}  // namespace
}  // namespace elbo
