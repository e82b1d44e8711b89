// SPDX-License-Identifier: Apache-2.0
#include "elbo/models/model.h"

#include <gtest/gtest.h>

#include <cmath>
#include <tuple>

#include "elbo/nets/network.h"
#include "elbo/prob/likelihood.h"
#include "elbo/prob/posterior.h"
#include "elbo/prob/prior.h"
#include "elbo/tensor/mixed_precision.h"
#include "elbo/tensor/tensor_file.h"
#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::error_of;
using testing::max_difference;

/// A kind of model, a posterior, a prior and a likelihood.
using Parts = std::tuple<Part, Part, Part, Part>;

/// Every kind of model with every posterior, prior and likelihood.
class ModelContract : public ::testing::TestWithParam<Parts> {
 protected:
  ModelContract() {
    std::tie(options.kind, options.posterior, options.prior, options.likelihood) = GetParam();
    if (options.prior.type == "vamp") options.prior.options["components"] = 5;
    options.latent = 3;
    options.encoder = Part("mlp", parse_toml("sizes = [8]", "test"));
    batch.x = (uniform(rng, {4, 6}) < 0.4).to(at::kFloat);
    batch.index = at::arange(4);
  }
  std::shared_ptr<Model> make(uint64_t seed = 1) {
    Rng weights(seed, "weights");
    return make_model(options, testing::table_schema(6), weights);
  }
  Pass pass(Model& model, const PassOptions& o = {}) {
    Rng same(1, "pass");
    return model.pass(batch, same, o);
  }
  Rng rng{1, "model"};
  ModelOptions options;
  Batch batch;
};

TEST_P(ModelContract, PassHasItsShapes) {
  auto model = make();
  Pass found = pass(*model, {.samples = 5});
  EXPECT_EQ(found.log_px.sizes(), at::IntArrayRef({5, 4}));
  ASSERT_EQ(found.latents.size(), model->latent_sizes().size());
  for (size_t i = 0; i < found.latents.size(); ++i) {
    const Latent& latent = found.latents[i];
    EXPECT_EQ(latent.z.sizes(), at::IntArrayRef({5, 4, model->latent_sizes()[i]}));
    EXPECT_FALSE(latent.has_closed_kl() && !model->is_variational());
    if (!model->is_variational()) continue;
    EXPECT_EQ(kl_of(latent).sizes(), at::IntArrayRef({4}));
    if (!latent.separates()) continue;
    EXPECT_EQ(latent.kl_per_dimension.sizes(), at::IntArrayRef({4, options.latent}));
  }
}

TEST_P(ModelContract, DensitiesAreThoseOfItsDraws) {
  auto model = make();
  if (!model->is_variational()) {
    EXPECT_NE(error_of([&] { pass(*model, {.densities = true}); }).find("has no density"),
              std::string::npos);
    return;
  }
  Pass found = pass(*model, {.samples = 2000, .densities = true});
  Rng unused(1, "unused");
  auto encodings = model->encode(batch, unused);
  for (size_t i = 0; i < found.latents.size(); ++i) {
    const Latent& latent = found.latents[i];
    EXPECT_LT(max_difference(latent.log_q, encodings[i].q->log_prob(latent.z)), 1e-4);
    EXPECT_EQ(latent.log_p.sizes(), latent.log_q.sizes());
    if (!latent.has_closed_kl()) continue;
    EXPECT_LT(testing::standard_errors_off(latent.log_q - latent.log_p, kl_of(latent)), 5);
  }
}

TEST_P(ModelContract, PassFollowsFromTheGenerator) {
  auto model = make();
  EXPECT_TRUE(at::equal(pass(*model).log_px, pass(*model).log_px));
  Rng other(2, "pass");
  bool noisy = !at::equal(model->pass(batch, other, {}).log_px, pass(*model).log_px);
  EXPECT_EQ(noisy, model->is_variational());
}

TEST_P(ModelContract, LossReachesEveryParameter) {
  auto model = make();
  {
    at::NoGradGuard no_grad;
    model->start_from(batch, rng);
  }
  Pass found = pass(*model);
  Tensor loss = -found.log_px.mean();
  for (const Latent& latent : found.latents) {
    if (model->is_variational()) loss = loss + kl_of(latent).mean();
  }
  loss.backward();
  for (const auto& item : model->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().sum().item<double>(), 0) << item.key();
  }
}

TEST_P(ModelContract, DecodesWhatItEncodes) {
  auto model = make();
  auto encodings = model->encode(batch, rng);
  int64_t total = 0;
  for (int64_t size : model->latent_sizes()) total += size;
  Tensor mean = posterior_mean(encodings);
  EXPECT_EQ(mean.sizes(), at::IntArrayRef({4, total}));
  auto parts = split_latents(mean, model->latent_sizes());
  auto x = model->decode(parts, rng);
  EXPECT_EQ(x->mean().sizes(), batch.x.sizes());
  for (Tensor& part : parts) part = part.expand({5, -1, -1});
  EXPECT_LT(max_difference(model->decode(parts, rng)->mean()[2], x->mean()), 1e-6);
}

TEST_P(ModelContract, PriorDrawsScaleWithTemperature) {
  auto model = make();
  auto drawn = [&](double temperature) {
    Rng same(1, "prior");
    return at::cat(model->sample_prior(same, 7, temperature), -1);
  };
  EXPECT_EQ(drawn(1).size(0), 7);
  Tensor cold = drawn(0);
  EXPECT_LT(max_difference(drawn(0.5) - cold, 0.5 * (drawn(1) - cold)), 1e-6);
  EXPECT_LT(max_difference(cold, cold.narrow(0, 0, 1).expand_as(cold)), 1e-6);
}

TEST_P(ModelContract, StateRoundTripsByteForByte) {
  auto first = make(1), second = make(2);
  Bytes bytes = encode_tensors(state_of(*first));
  ASSERT_NE(encode_tensors(state_of(*second)), bytes);
  load_state(*second, parse_tensors(bytes, "test"), "test");
  EXPECT_EQ(encode_tensors(state_of(*second)), bytes);
  EXPECT_TRUE(at::equal(pass(*first).log_px, pass(*second).log_px));
}

TEST_P(ModelContract, DecoderStartsAtTheMeansOfTheData) {
  constexpr double within = 0.0101;  // means of 0 and 1 have no logits: they stop at 0.01
  auto model = make();
  batch.x = at::tensor({1.f, 1.f, 0.f, 1.f, 1.f, 1.f, 0.f, 0.f, 0.f, 1.f, 0.f, 1.f}).view({2, 6});
  Tensor expected = at::tensor({0.5f, 0.5f, 0.f, 1.f, 0.5f, 1.f});
  auto start = [&] {
    model->start_from(batch, rng);
    at::NoGradGuard no_grad;
    model->named_parameters()["decoder.output.weight"].zero_();
    return model->decode(model->sample_prior(rng, 1), rng)->mean()[0];
  };
  EXPECT_LT(max_difference(start(), expected), within);
  batch.mask = at::ones({2, 6});
  batch.mask[1][0] = 0, batch.x[1][0] = 0;  // leaves the first row's 1
  expected[0] = 1;
  EXPECT_LT(max_difference(start(), expected), within);
}

TEST_P(ModelContract, EncodesTheDamagedAndScoresTheWhole) {
  auto model = make();
  batch.input = 1 - batch.x;
  Batch damaged = batch;
  damaged.x = batch.input, damaged.input = Tensor();
  Rng unused(1, "unused");
  EXPECT_TRUE(at::equal(posterior_mean(model->encode(batch, unused)),
                        posterior_mean(model->encode(damaged, unused))));
  Pass found = pass(*model);
  std::vector<Tensor> z;
  for (const Latent& latent : found.latents) z.push_back(latent.z);
  Rng again(1, "pass");
  EXPECT_TRUE(at::equal(z[0], model->pass(damaged, again, {}).latents[0].z));
  EXPECT_LT(max_difference(found.log_px, model->decode(z, unused)->log_prob(batch.x)), 1e-5);
}

TEST_P(ModelContract, RefusesDataOutsideTheSupport) {
  auto model = make();
  model->check_support(batch);
  batch.x[1][2] = std::nanf("");
  EXPECT_NE(error_of([&] { model->check_support(batch); }).find("got nan at [1, 2]"),
            std::string::npos);
}

TEST_P(ModelContract, WorksInDoublePrecision) {
  auto model = make();
  Tensor single = pass(*model).log_px;
  model->to(at::kDouble);
  batch.x = batch.x.to(at::kDouble);
  Tensor log_px = pass(*model).log_px;
  EXPECT_EQ(log_px.scalar_type(), at::kDouble);
  EXPECT_LT(max_difference(log_px, single), 1e-3);
}

TEST_P(ModelContract, MixedPrecisionReachesNetworksAlone) {
  auto model = make();
  PassOptions densities{.densities = model->is_variational()};
  Pass exact = pass(*model), mixed;
  std::vector<Encoding> encoded;
  std::unique_ptr<Distribution> decoded;
  {
    MixedPrecision on(true);
    mixed = pass(*model, densities);
    encoded = model->encode(batch, rng);
    decoded = model->decode({mixed.latents[0].z}, rng);
  }
  EXPECT_FALSE(at::equal(mixed.log_px, exact.log_px));
  EXPECT_LT(max_difference(mixed.log_px, exact.log_px), 0.3);
  // What follows the networks is what f32 makes of what they put out.
  const Latent& latent = mixed.latents[0];
  EXPECT_LT(max_difference(decoded->log_prob(batch.x, batch.mask), mixed.log_px), 1e-4);
  for (const Tensor& t : {latent.z, latent.log_q, latent.log_p, latent.kl, mixed.log_px}) {
    EXPECT_TRUE(!t.defined() || t.scalar_type() != at::kBFloat16);
  }
  if (!latent.log_q.defined()) return;
  EXPECT_LT(max_difference(encoded[0].q->log_prob(latent.z), latent.log_q), 1e-4);
}

/// All that go together.
std::vector<Parts> all_parts() {
  std::vector<Parts> out;
  for (const Part& kind : testing::variants(model_kinds())) {
    for (const Part& posterior : testing::variants(posteriors())) {
      for (const Part& prior : testing::variants(priors())) {
        if (posterior.type == "point" && prior.type == "vamp") continue;
        for (const Part& likelihood : testing::variants(likelihoods())) {
          out.push_back({kind, posterior, prior, likelihood});
        }
      }
    }
  }
  return out;
}

INSTANTIATE_TEST_SUITE_P(Every, ModelContract, ::testing::ValuesIn(all_parts()));

TEST(Model, PointPosteriorsMakeNoPrior) {
  Rng rng(1, "weights");
  ModelOptions options;
  options.posterior = "point", options.prior = "vamp";
  std::string error = error_of([&] { make_model(options, testing::table_schema(6), rng); });
  EXPECT_NE(error.find("usage: model.prior: vamp"), std::string::npos) << error;
}

TEST(Model, CountsItsParameters) {
  Rng rng(1, "weights");
  auto model = make_model({}, testing::image_schema(1, 28, 28), rng);
  EXPECT_EQ(parameter_count(*model), 652824);  // 784-400-20-400-784
}

TEST(Model, TakesImagesThroughConvolutionsAndBack) {
  Rng rng(2, "weights");
  ModelOptions options;
  options.latent = 3;
  options.encoder = Part("conv", parse_toml("channels = [4]\ndense = [8]", "test"));
  auto model = make_model(options, testing::image_schema(3, 7, 6), rng);
  Batch batch;
  batch.x = uniform(rng, {2, 3, 7, 6});
  Pass pass = model->pass(batch, rng, {.samples = 4});
  EXPECT_EQ(pass.log_px.sizes(), at::IntArrayRef({4, 2}));
  EXPECT_EQ(model->decode({pass.latents[0].z}, rng)->mean().sizes(),
            at::IntArrayRef({4, 2, 3, 7, 6}));
  model->start_from(batch, rng);
  EXPECT_LT(max_difference(model->named_parameters()["decoder.conv0.bias"],
                           at::logit(batch.x.mean(0)).mean({-2, -1})),
            1e-4);
}

TEST(Model, OptionsSurviveTheirText) {
  ModelOptions options;
  options.posterior = "full";
  options.likelihood = Part("gaussian", parse_toml("scale = 'fixed'", "test"));
  Value value = parse_toml(to_toml(write_options(options)), "test");
  EXPECT_EQ(write_options(read_options<ModelOptions>(value)), write_options(options));
}

}  // namespace
}  // namespace elbo
