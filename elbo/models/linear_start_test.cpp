// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <deque>
#include <optional>

#include "elbo/models/model.h"
#include "elbo/nets/network.h"
#include "elbo/prob/factor_analysis.h"
#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::max_difference;

Part part(const char* text) {
  return Part::from_value(parse_toml(std::string("p = ") + text, "").at("p"));
}

/// Rows of a linear model with some bend, as tables and as images.
Batch bent_rows(at::IntArrayRef shape) {
  Rng rng(1, "data");
  int64_t n = shape[0], d = at::ones(shape.slice(1)).numel();
  Tensor x = normal(rng, {n, 2}).mm(normal(rng, {2, d})) + 0.4f * normal(rng, {n, d}) + 1;
  Batch out;
  out.x = (x + 0.1f * x.square()).view(shape);
  out.index = at::arange(n, at::kLong);
  return out;
}

struct Case {
  const char *posterior, *likelihood, *encoder;
  std::vector<int64_t> shape;
  NoiseForm form;
};

std::shared_ptr<Model> made(const Case& c, int64_t latent = 3) {
  ModelOptions o;
  o.latent = latent;
  o.posterior = c.posterior;
  o.likelihood = part(c.likelihood);
  o.encoder = part(c.encoder);
  o.linear = true;
  Schema schema = c.shape.size() == 3 ? testing::image_schema(c.shape[0], c.shape[1], c.shape[2])
                                      : testing::table_schema(c.shape[0]);
  Rng rng(2, "weights");
  return make_model(o, schema, rng);
}

std::vector<Case> cases() {
  const char* mlp = "{ type = 'mlp', sizes = [8] }";
  const char* conv = "{ type = 'conv', channels = [4, 6], kernel = 3, dense = [8] }";
  std::vector<Case> out;
  for (const char* posterior : {"diagonal", "full"}) {
    for (auto [scale, form] :
         {std::pair("learned", NoiseForm::shared), std::pair("column", NoiseForm::per_element),
          std::pair("element", NoiseForm::per_element), std::pair("fixed", NoiseForm::fixed)}) {
      static std::deque<std::string> texts;
      texts.push_back(fmt::format("{{ type = 'gaussian', scale = '{}', value = 0.5 }}", scale));
      out.push_back({posterior, texts.back().c_str(), mlp, {7}, form});
      out.push_back({posterior, texts.back().c_str(), conv, {2, 8, 5}, form});
    }
  }
  return out;
}

// The posterior of a linear model is exact, so every draw of z, not only their mean, gives
// log p(x|z) + log p(z) - log q(z|x) = log p(x).
TEST(LinearStart, IsTheLinearModelDrawByDraw) {
  for (const Case& c : cases()) {
    std::vector<int64_t> shape = c.shape;
    shape.insert(shape.begin(), 60);
    Batch batch = bent_rows(shape);
    auto model = made(c);
    at::NoGradGuard no_grad;
    Rng rng(3, "start");
    EXPECT_TRUE(model->start_from(batch, rng));
    FactorAnalysis f = fit_factor_analysis(
        batch.x.flatten(1), {}, {.latent = 3, .form = c.form, .noise = 0.25}, Rng(3, "again"));
    Tensor expected = f.log_prob(batch.x.flatten(1));
    for (bool operators : {false, true}) {
      std::optional<ByOperators> by;
      if (operators) by.emplace();
      Pass pass = model->pass(batch, rng, {.samples = 4, .densities = true});
      Tensor found = pass.log_px + pass.latents[0].log_p - pass.latents[0].log_q;
      EXPECT_LT(max_difference(found, expected.expand_as(found)), 2e-3)
          << c.posterior << " " << c.likelihood << " " << c.encoder;
    }
  }
}

TEST(LinearStart, AnAutoencoderReconstructsAsTheLinearModelDoes) {
  Case c{"point",
         "{ type = 'gaussian', scale = 'learned' }",
         "{ type = 'mlp', sizes = [8] }",
         {7},
         NoiseForm::shared};
  Batch batch = bent_rows({60, 7});
  auto model = made(c);
  at::NoGradGuard no_grad;
  Rng rng(3, "start");
  EXPECT_TRUE(model->start_from(batch, rng));
  FactorAnalysis f =
      fit_factor_analysis(batch.x, {}, {.latent = 3, .form = c.form}, Rng(3, "again"));
  Tensor expected = f.posterior_mean(batch.x).mm(f.loadings.t()) + f.mean;
  auto found = model->decode({posterior_mean(model->encode(batch, rng))}, rng);
  EXPECT_LT(max_difference(found->mean(), expected), 1e-4);
}

// After one step against the gradient the networks beside it are no longer zero.
TEST(LinearStart, TheNetworksBesideItLearn) {
  Batch batch = bent_rows({60, 7});
  auto model = made(cases()[2]);
  Rng rng(3, "start");
  {
    at::NoGradGuard no_grad;
    model->start_from(batch, rng);
  }
  auto loss = [&] {
    Rng same(4, "pass");
    Pass pass = model->pass(batch, same, {});
    return (kl_of(pass.latents[0]) - pass.log_px.mean(0)).mean();
  };
  for (int step = 0; step < 2; ++step) {
    for (Tensor& p : model->parameters()) p.mutable_grad() = Tensor();
    loss().backward();
    at::NoGradGuard no_grad;
    for (Tensor& p : model->parameters()) p.sub_(0.01 * p.grad());
  }
  loss().backward();
  for (const auto& item : model->named_parameters()) {
    EXPECT_GT(item.value().grad().abs().sum().item<double>(), 0) << item.key();
  }
}

TEST(LinearStart, IsRefusedWithoutNormalNoise) {
  ModelOptions o;
  o.linear = true;
  o.likelihood = "bernoulli";
  Rng rng(2, "weights");
  EXPECT_THROW(make_model(o, testing::table_schema(3), rng), Error);
}

// Rows that lack elements do not keep it from starting.
TEST(LinearStart, StartsWithMissingElements) {
  Batch batch = bent_rows({200, 7});
  Rng rng(5, "mask");
  batch.mask = (uniform(rng, {200, 7}) < 0.8f).to(at::kFloat);
  batch.x = batch.x * batch.mask;
  auto model = made(cases()[2]);
  at::NoGradGuard no_grad;
  EXPECT_TRUE(model->start_from(batch, rng));
  EXPECT_TRUE(model->pass(batch, rng, {}).log_px.isfinite().all().item<bool>());
}

}  // namespace
}  // namespace elbo
