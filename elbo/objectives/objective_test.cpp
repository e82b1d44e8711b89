// SPDX-License-Identifier: Apache-2.0
#include "elbo/objectives/objective.h"

#include <gtest/gtest.h>

#include <cmath>

#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::max_difference;

double term(const Loss& loss, const std::string& name) {
  for (const auto& [key, value] : loss.terms) {
    if (key == name) return value;
  }
  ADD_FAILURE() << "no term " << name;
  return NAN;
}

double number(const Tensor& t) { return t.item<double>(); }

/// A pass with one draw over B = 4 examples and Z = 3 dimensions, the numbers at random.
struct Made {
  Rng rng{1, "objective"};
  Tensor log_px = normal(rng, {1, 4}, at::kDouble).requires_grad_(true);
  Tensor kl_per_dimension = normal(rng, {4, 3}, at::kDouble).square().requires_grad_(true);

  Pass pass(bool separable = true) const {
    Latent latent;
    latent.name = "z";
    latent.z = at::zeros({1, 4, 3}, at::kDouble);
    if (separable) latent.kl_per_dimension = kl_per_dimension;
    if (!separable) latent.kl = kl_per_dimension.sum(-1);
    Pass out;
    out.latents.push_back(latent);
    out.log_px = log_px;
    return out;
  }
  double recon() const { return -number(log_px.mean()); }
  double kl() const { return number(kl_per_dimension.sum()) / 4; }
  Loss loss(const Pass& pass, const LossWeights& weights = {}, const Part& bound = "elbo") const {
    return bounds().make(bound)->loss(pass, weights);
  }
};

TEST(Elbo, IsReconstructionAndWeightedKl) {
  Made made;
  for (bool separable : {true, false}) {
    for (double beta : {0.0, 1.0, 4.0}) {
      Loss loss = made.loss(made.pass(separable), {.beta = beta});
      EXPECT_NEAR(term(loss, "recon"), made.recon(), 1e-12);
      EXPECT_NEAR(term(loss, "kl"), made.kl(), 1e-12);
      EXPECT_NEAR(term(loss, "neg_elbo"), made.recon() + made.kl(), 1e-12);
      EXPECT_NEAR(number(loss.total), made.recon() + beta * made.kl(), 1e-12) << beta;
      EXPECT_NEAR(term(loss, "loss"), number(loss.total), 1e-12) << beta;
    }
  }
}

TEST(Elbo, BetaScalesTheGradientOfTheKlOnly) {
  Made made;
  made.loss(made.pass(), {.beta = 4}).total.backward();
  EXPECT_LT(max_difference(made.kl_per_dimension.grad(), at::full({4, 3}, 4.0 / 4)), 1e-12);
  EXPECT_LT(max_difference(made.log_px.grad(), at::full({1, 4}, -1.0 / 4)), 1e-12);
}

/// A pass with K draws whose densities are at random.
struct Drawn {
  explicit Drawn(int64_t k)
      : log_px(normal(rng, {k, 4}, at::kDouble).requires_grad_(true)),
        log_q(normal(rng, {k, 4}, at::kDouble).requires_grad_(true)),
        log_p(normal(rng, {k, 4}, at::kDouble).requires_grad_(true)) {}
  Pass pass() const {
    Latent latent;
    latent.z = at::zeros({log_px.size(0), 4, 3}, at::kDouble);
    latent.log_q = log_q, latent.log_p = log_p;
    Pass out;
    out.latents.push_back(latent);
    out.log_px = log_px;
    return out;
  }
  Loss loss(double beta = 1) const {
    Part bound("iwae");
    bound.options["samples"] = log_px.size(0);
    return bounds().make(bound)->loss(pass(), {.beta = beta});
  }
  Rng rng{2, "iwae"};
  Tensor log_px, log_q, log_p;
};

TEST(Iwae, OfOneDrawIsTheElboOfThatDraw) {
  Drawn one(1);
  for (double beta : {1.0, 0.5}) {
    Loss loss = one.loss(beta);
    Tensor elbo = one.log_px + beta * (one.log_p - one.log_q);
    EXPECT_NEAR(number(loss.total), -number(elbo.mean()), 1e-12);
    EXPECT_NEAR(term(loss, "iwae"), -number(elbo.mean()), 1e-12);
  }
}

TEST(Iwae, IsTheMeanWeightsLogarithmAndItsGradientTheirShares) {
  Drawn many(6);
  Loss loss = many.loss();
  Tensor w = (many.log_px + many.log_p - many.log_q).detach().exp();  // [K, B]
  EXPECT_NEAR(number(loss.total), -number(w.mean(0).log().mean()), 1e-12);
  EXPECT_LE(number(loss.total), term(loss, "neg_elbo")) << "Jensen";
  loss.total.backward();
  Tensor share = w / w.sum(0) / 4;
  EXPECT_LT(max_difference(many.log_px.grad(), -share), 1e-12);
  EXPECT_LT(max_difference(many.log_p.grad(), -share), 1e-12);
  EXPECT_LT(max_difference(many.log_q.grad(), share), 1e-12);
}

TEST(FreeBits, DimensionsUnderTheThresholdAreFree) {
  Made made;
  {
    at::NoGradGuard no_grad;
    made.kl_per_dimension.copy_(at::tensor({0.1, 1.0, 3.0}, at::kDouble).expand({4, 3}));
    made.kl_per_dimension[0][0] = 0.5;  // its mean over the batch is still 0.2
  }
  Loss loss = made.loss(made.pass(), {.beta = 2, .free_bits = 0.4});
  EXPECT_NEAR(number(loss.total) - term(loss, "recon"), 2 * (0.4 + 1 + 3), 1e-12);
  EXPECT_NEAR(term(loss, "kl"), 0.2 + 1 + 3, 1e-12) << "reported in full";
  loss.total.backward();
  Tensor gradient = made.kl_per_dimension.grad();
  EXPECT_TRUE((gradient.select(1, 0) == 0).all().item<bool>());
  EXPECT_LT(max_difference(gradient.narrow(1, 1, 2), at::full({4, 2}, 2.0 / 4)), 1e-12);
}

TEST(FreeBits, WithoutDimensionsTheWholeHasZTimesAsMuch) {
  Made made;
  Pass pass = made.pass(false);
  double kl = made.kl();
  for (double bits : {0.9 * kl / 3, 1.1 * kl / 3}) {
    Loss loss = made.loss(pass, {.beta = 1, .free_bits = bits});
    EXPECT_NEAR(number(loss.total) - term(loss, "recon"), std::max(kl, 3 * bits), 1e-12);
  }
}

TEST(Elbo, WithoutAClosedFormTheDrawsServe) {
  Made made;
  Pass pass = made.pass();
  pass.latents[0].kl = pass.latents[0].kl_per_dimension = Tensor();
  pass.latents[0].log_q = at::full({1, 4}, -1.5, at::kDouble);
  pass.latents[0].log_p = at::full({1, 4}, -4.0, at::kDouble);
  EXPECT_NEAR(term(made.loss(pass), "kl"), 2.5, 1e-12);
}

TEST(Elbo, SumsGroupsAndAddsTheModelsTerms) {
  Made made;
  Pass pass = made.pass();
  pass.latents.push_back(pass.latents[0]);
  pass.terms["commitment"] = at::arange(4, at::kDouble);
  Loss loss = made.loss(pass, {.beta = 3});
  EXPECT_NEAR(term(loss, "kl"), 2 * made.kl(), 1e-12);
  EXPECT_NEAR(term(loss, "commitment"), 1.5, 1e-12);
  EXPECT_NEAR(number(loss.total), 6 * made.kl() + made.recon() + 1.5, 1e-12);
}

TEST(Elbo, WithoutNoiseThereIsNoKl) {
  Made made;
  Pass pass = made.pass();
  pass.latents[0].kl = pass.latents[0].kl_per_dimension = Tensor();
  Loss loss = made.loss(pass, {.beta = 4, .free_bits = 1});
  EXPECT_NEAR(number(loss.total), made.recon(), 1e-12);
  EXPECT_EQ(term(loss, "kl"), 0);
}

/// Every bound on a small model, with each posterior that has a density.
class BoundContract : public ::testing::TestWithParam<Part> {};

TEST_P(BoundContract, LossIsFiniteAndReachesEveryParameter) {
  for (const char* posterior : {"diagonal", "full"}) {
    Rng rng(1, "bound");
    ModelOptions options;
    options.latent = 3;
    options.encoder = Part("mlp", parse_toml("sizes = [8]", "test"));
    options.posterior = posterior;
    std::shared_ptr<Model> model = make_model(options, testing::table_schema(6), rng);
    Batch batch;
    batch.x = (uniform(rng, {4, 6}) < 0.4).to(at::kFloat);
    ObjectiveOptions objective;
    objective.bound = GetParam();
    auto players = make_players(objective, model);
    Loss loss = players[0]->loss(batch, rng, {});
    EXPECT_EQ(loss.total.dim(), 0);
    loss.total.backward();
    for (const auto& item : model->named_parameters()) {
      ASSERT_TRUE(item.value().grad().defined()) << item.key();
      EXPECT_GT(item.value().grad().abs().sum().item<double>(), 0) << item.key();
    }
    for (const auto& [name, value] : loss.terms) {
      EXPECT_TRUE(std::isfinite(value)) << name;
    }
    EXPECT_NEAR(term(loss, "loss"), number(loss.total), 1e-6);
    EXPECT_NEAR(term(loss, "neg_elbo"), term(loss, "recon") + term(loss, "kl"), 1e-9);
  }
}

INSTANTIATE_TEST_SUITE_P(Every, BoundContract, ::testing::ValuesIn(testing::variants(bounds())));

TEST(Player, SchedulesBeta) {
  Rng rng(1, "player");
  ModelOptions options;
  options.latent = 3;
  std::shared_ptr<Model> model = make_model(options, testing::table_schema(6), rng);
  ObjectiveOptions objective;
  objective.beta = 4;
  objective.beta_schedule = Part("linear", parse_toml("epochs = 10", "test"));
  auto players = make_players(objective, model);
  Batch batch;
  batch.x = at::ones({2, 6});
  for (double epoch : {0.0, 2.5, 20.0}) {
    Time time{.step = 0, .epoch = epoch, .epochs = 40};
    Loss loss = players[0]->loss(batch, rng, time);
    double beta = 4 * std::min(epoch / 10, 1.0);
    EXPECT_NEAR(term(loss, "beta"), beta, 1e-6);
    EXPECT_NEAR(number(loss.total), term(loss, "recon") + beta * term(loss, "kl"), 1e-5);
  }
  EXPECT_EQ(&players[0]->module(), model.get());
}

TEST(Objective, RefusesWhatDoesNotGoTogether) {
  auto error = [](const char* posterior, double free_bits) {
    Rng rng(1, "objective");
    ModelOptions options;
    options.posterior = posterior;
    ObjectiveOptions objective;
    objective.bound = "iwae", objective.free_bits = free_bits;
    return testing::error_of(
        [&] { make_players(objective, make_model(options, testing::table_schema(6), rng)); });
  };
  EXPECT_EQ(error("full", 0), "");
  EXPECT_NE(error("point", 0).find("needs the density of q(z|x)"), std::string::npos);
  EXPECT_NE(error("full", 0.5).find("has no KL term that could cost nothing"), std::string::npos);
}

}  // namespace
}  // namespace elbo
