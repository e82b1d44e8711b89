// SPDX-License-Identifier: Apache-2.0
#include "elbo/eval/diagnose.h"

#include <gtest/gtest.h>

#include <cmath>

#include "elbo/eval/test_problems.h"

namespace elbo {
namespace {

/// An evaluation with Z dimensions, the first `active` of which share the KL.
Evaluation made(int64_t size, int64_t active, double kl, double recon = 70, double se = 0.2) {
  Evaluation out;
  out.metrics = {{"neg_elbo", recon + kl, se, "nats", ""},
                 {"recon", recon, se, "nats", ""},
                 {"kl", kl, se, "nats", ""},
                 {"active_units", static_cast<double>(active), std::nan(""), "", ""}};
  out.kl_per_dimension.assign(size_t(size), 0);
  out.variance_of_mean.assign(size_t(size), 0);
  for (size_t j = 0; j < size_t(active); ++j) {
    out.kl_per_dimension[j] = kl / static_cast<double>(active);
    out.variance_of_mean[j] = 0.9;
  }
  out.examples = 1000;
  return out;
}

std::vector<Finding> diagnosed(const Evaluation& evaluation, const Evaluation* train = nullptr,
                               const std::vector<Baseline>& baselines = {},
                               const Recipe& recipe = {}) {
  Schema schema;
  schema.shape = {30};
  auto model = linear_model(2, 4, "diagonal", fixed_gaussian(1));
  return diagnose(evaluation, train, baselines, *model, schema, recipe);
}

/// The level of the finding that contains these words; "" when there is none.
std::string level_of(const std::vector<Finding>& findings, const char* words) {
  for (const Finding& finding : findings) {
    if (finding.text.find(words) != std::string::npos) return finding.level;
  }
  return "";
}

TEST(Diagnose, AHealthyModelIsCalledHealthyAndNothingElse) {
  auto findings = diagnosed(made(20, 20, 9));
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].level, "good");
  EXPECT_EQ(findings[0].text,
            "healthy: 20 of 20 latent dimensions active, KL 9 nats, 0.45 for each");
}

TEST(Diagnose, UnusedDimensionsAreHarmlessAndCounted) {
  auto findings = diagnosed(made(20, 13, 25));
  EXPECT_EQ(level_of(findings, "healthy"), "good");
  EXPECT_EQ(level_of(findings, "7 of 20 latent dimensions unused"), "good");
  EXPECT_EQ(level_of(findings, "model.latent=13"), "good");
}

TEST(Diagnose, CollapseIsBadAndNamesTheRemedy) {
  for (const Evaluation& e : {made(20, 0, 0.5), made(20, 3, 0.05)}) {
    auto findings = diagnosed(e);
    ASSERT_EQ(findings.size(), 1u);
    EXPECT_EQ(level_of(findings, "posterior collapse"), "bad");
    EXPECT_EQ(level_of(findings, "objective.beta_schedule=linear"), "bad");
  }
  EXPECT_EQ(level_of(diagnosed(made(20, 0, 0.5)), "none of 20 latent dimensions is active"), "bad");
  EXPECT_EQ(level_of(diagnosed(made(20, 3, 0.05)), "the KL is 0.05 nats"), "bad");
  EXPECT_EQ(level_of(diagnosed(made(20, 3, 0.05)), "active"), "");
  EXPECT_EQ(level_of(diagnosed(made(20, 3, 0.15)), "posterior collapse"), "");
}

Baseline baseline(const char* name, double nats, double mse, bool has_latents) {
  return {name, Metric{"neg_log_prob", nats, 0.2, "nats", ""}, mse, has_latents};
}

TEST(Diagnose, WorseThanATrivialModelIsNeverHealthy) {
  Evaluation e = made(20, 20, 9);  // 79 nats
  e.metrics.push_back({"reconstruction_mse", 0.5, 0.01, "", ""});
  auto independent = baseline("independent columns", 78, 1, false);
  auto findings = diagnosed(e, nullptr, {independent, baseline("full covariance", 90, 1, false)});
  EXPECT_EQ(level_of(findings, "worse than a trivial model: 79 nats, where independent columns"),
            "bad");
  EXPECT_EQ(level_of(findings, "healthy"), "");
  independent.neg_log->value = 78.6;  // within two standard errors
  EXPECT_EQ(level_of(diagnosed(e, nullptr, {independent}), "worse"), "");
  independent.neg_log->value = 90;
  EXPECT_EQ(level_of(diagnosed(e, nullptr, {independent}), "healthy"), "good");
  independent.mse = 0.4;
  EXPECT_EQ(level_of(diagnosed(e, nullptr, {independent}), "reconstructs worse than the mean"),
            "bad");
}

// Whatever the model, its errors and the baselines: beaten beyond two standard errors by one
// without latents, or with a reconstruction worse than the mean's, it is never called healthy.
TEST(Diagnose, NoModelWorseThanATrivialOneIsHealthyWhateverItsNumbers) {
  Rng rng(1, "baselines");
  int beaten = 0;
  for (int i = 0; i < 2000; ++i) {
    double recon = 200 * rng.uniform() - 100, kl = 60 * rng.uniform(), se = rng.uniform();
    auto active = static_cast<int64_t>(21 * rng.uniform());
    Evaluation e = made(20, active, kl, recon, se), train = made(20, active, kl, recon - 1, se);
    e.metrics.push_back({"reconstruction_mse", rng.uniform(), 0.01, "", ""});
    std::vector<Baseline> baselines;
    for (int b = 0; b < 3; ++b) {
      baselines.push_back(baseline("made", 300 * rng.uniform() - 150, rng.uniform(), b == 2));
    }
    bool is_beaten = false;
    for (const Baseline& b : baselines) {
      if (b.has_latents) continue;
      is_beaten = is_beaten || recon + kl - b.neg_log->value > 2 * std::hypot(se, 0.2) ||
                  e.find("reconstruction_mse")->value > b.mse;
    }
    beaten += is_beaten;
    if (!is_beaten) continue;
    auto findings = diagnosed(e, &train, baselines);
    EXPECT_EQ(level_of(findings, "healthy"), "");
    EXPECT_EQ(findings[0].level, "bad");
  }
  EXPECT_GT(beaten, 500);
  EXPECT_LT(beaten, 2000);
}

TEST(Diagnose, AGapThatALinearModelHasTooIsNoOverfitting) {
  Evaluation train = made(20, 13, 25, 75), valid = made(20, 13, 25, 96);  // 121 nats
  auto linear = baseline("factor analysis, 20 factors", 122, 0.5, true);
  EXPECT_EQ(level_of(diagnosed(valid, &train, {linear}), "does no better"), "good");
  EXPECT_EQ(level_of(diagnosed(valid, &train, {linear}), "overfitting"), "");
  linear.neg_log->value = 115;
  EXPECT_EQ(level_of(diagnosed(valid, &train, {linear}), "overfitting"), "bad");
}

TEST(Diagnose, NoMoreLatentsAreAskedForThanAFullCovarianceWouldUse) {
  auto full = baseline("full covariance", 90, 0.5, false);
  EXPECT_EQ(level_of(diagnosed(made(8, 8, 20), nullptr, {full}), "more may help"), "");
  full.neg_log->value = 80;  // the model has 90
  auto linear = baseline("factor analysis, 8 factors", 95, 0.5, true);
  Recipe recipe;
  recipe.model.latent = 8;
  EXPECT_EQ(level_of(diagnosed(made(8, 8, 20), nullptr, {full, linear}, recipe),
                     "with more latents (model.latent=16)"),
            "bad");
}

TEST(Diagnose, AKlOfFreeBitsOnlyIsAWarning) {
  Recipe recipe;
  recipe.objective.free_bits = 2;
  EXPECT_EQ(level_of(diagnosed(made(20, 20, 43), nullptr, {}, recipe), "only free bits"), "warn");
  EXPECT_EQ(level_of(diagnosed(made(20, 20, 45), nullptr, {}, recipe), "only free bits"), "");
  EXPECT_EQ(level_of(diagnosed(made(20, 20, 43)), "only free bits"), "");
}

TEST(Diagnose, AFixedScaleFarFromTheErrorsIsAWarning) {
  Evaluation e = made(20, 13, 25);
  e.metrics.push_back({"reconstruction_mse", 0.25, 0.01, "", ""});
  auto level = [&](double scale) {
    Recipe recipe;
    recipe.model.likelihood = {"gaussian", Value::table()};
    recipe.model.likelihood.options["scale"] = "fixed";
    recipe.model.likelihood.options["value"] = scale;
    return level_of(diagnosed(e, nullptr, {}, recipe), "the fixed scale");
  };
  EXPECT_EQ(level(0.24), "warn");
  EXPECT_EQ(level(0.26), "");
  EXPECT_EQ(level(0.99), "");
  EXPECT_EQ(level(1.01), "warn");
}

TEST(Diagnose, WorseThanALinearModelOfEqualSizeIsAWarning) {
  Evaluation e = made(20, 20, 9);
  e.metrics.push_back({"reconstruction_mse", 0.5, 0.01, "", ""});
  auto independent = baseline("independent columns", 100, 1, false);
  auto linear = baseline("factor analysis, 20 factors", 70, 0.6, true);
  EXPECT_EQ(level_of(diagnosed(e, nullptr, {independent, linear}), "worse than factor analysis"),
            "warn");
  linear.neg_log->value = 80;
  EXPECT_EQ(level_of(diagnosed(e, nullptr, {independent, linear}), "healthy"), "good");
}

// The bound of several draws is the nearer one to what a baseline has exactly.
TEST(Diagnose, TheImportanceWeightedBoundIsComparedWhereThereIsOne) {
  Evaluation e = made(20, 20, 9);
  e.metrics.push_back({"iwae", 77, 0.2, "nats", ""});
  EXPECT_EQ(
      level_of(diagnosed(e, nullptr, {baseline("independent columns", 78, 1, false)}), "healthy"),
      "good");
}

TEST(Diagnose, FewActiveDimensionsAreAWarning) {
  EXPECT_EQ(level_of(diagnosed(made(20, 3, 6)), "only 3 of 20"), "warn");
  EXPECT_EQ(level_of(diagnosed(made(20, 4, 6)), "only 4 of 20"), "");
}

TEST(Diagnose, KlForEachActiveDimensionTellsTheRegularisation) {
  EXPECT_EQ(level_of(diagnosed(made(20, 10, 0.9)), "over-regularised"), "warn");
  EXPECT_EQ(level_of(diagnosed(made(20, 10, 1.1)), "regularised"), "");
  EXPECT_EQ(level_of(diagnosed(made(20, 10, 59)), "regularised"), "");
  EXPECT_EQ(level_of(diagnosed(made(20, 10, 61)), "under-regularised"), "warn");
}

TEST(Diagnose, ALatentWithNoRoomLeftMayBeTooSmall) {
  EXPECT_EQ(level_of(diagnosed(made(8, 8, 20)), "model.latent=16"), "warn");
  EXPECT_EQ(level_of(diagnosed(made(8, 8, 3.9)), "model.latent=16"), "");  // the last carries 0.49
  EXPECT_EQ(level_of(diagnosed(made(2, 2, 8)), "model.latent=4"), "");     // chosen for a picture
}

TEST(Diagnose, OverfittingIsAGapBeyondChanceAndBeyondAFewPercent) {
  Evaluation train = made(20, 13, 25, 75);
  auto level = [&](double recon, double se) {
    Evaluation valid = made(20, 13, 25, recon, se);
    return level_of(diagnosed(valid, &train), "overfitting");
  };
  EXPECT_EQ(level(79, 0.2), "");      // 4 %
  EXPECT_EQ(level(81, 0.2), "warn");  // 6 %
  EXPECT_EQ(level(81, 3), "");        // 6 %, but within chance
  EXPECT_EQ(level(96, 0.2), "bad");   // 21 %
  EXPECT_EQ(level(60, 0.2), "");      // better than on the training examples
}

TEST(Diagnose, AScaleAtItsFloorIsBad) {
  Evaluation evaluation = made(20, 13, 25);
  evaluation.share_at_scale_floor = 0.005;
  EXPECT_EQ(level_of(diagnosed(evaluation), "floor"), "");
  evaluation.share_at_scale_floor = 0.25;
  EXPECT_EQ(level_of(diagnosed(evaluation), "25 % of the elements (30 columns)"), "bad");
}

TEST(Diagnose, ABoundOnOneDrawIsAWarning) {
  Evaluation evaluation = made(20, 13, 25);
  evaluation.samples = 50;
  evaluation.metrics.push_back({"effective_samples", 1.5, 0.1, "", ""});
  EXPECT_EQ(level_of(diagnosed(evaluation), "1.5 of 50 draws"), "warn");
  evaluation.metrics.back().value = 2.5;
  EXPECT_EQ(level_of(diagnosed(evaluation), "of 50 draws"), "");
}

TEST(Diagnose, NumbersThatAreNoneSayNothingElse) {
  auto findings = diagnosed(made(20, 0, std::nan("")));
  ASSERT_EQ(findings.size(), 2u);
  EXPECT_EQ(level_of(findings, "neg_elbo is nan"), "bad");
  EXPECT_EQ(level_of(findings, "kl is nan"), "bad");
}

TEST(Diagnose, TheGravestComesFirst) {
  Evaluation train = made(20, 13, 25, 75), valid = made(20, 3, 25, 75);
  valid.share_at_scale_floor = 1;
  auto findings = diagnosed(valid, &train);
  ASSERT_GE(findings.size(), 3u);
  EXPECT_EQ(findings.front().level, "bad");
  EXPECT_EQ(findings.back().level, "warn");
}

TEST(Diagnose, OfRealModelsSeesWhatWasDoneToThem) {
  LinearGaussian problem(500);
  auto diagnosed_now = [&](Model& model) {
    Evaluation e = evaluate(model, Pipeline({}, problem.data->schema()), *problem.data, {}, 1);
    return diagnose(e, &e, {}, model, problem.data->schema(), {});
  };
  EXPECT_EQ(level_of(diagnosed_now(*problem.model), "healthy"), "good");
  set_linear(*problem.model, "encoder", at::zeros({5, 4}), at::zeros({5}));
  EXPECT_EQ(level_of(diagnosed_now(*problem.model), "posterior collapse"), "bad");
  auto learned = linear_model(2, 4, "point", "gaussian");
  EXPECT_EQ(level_of(diagnosed_now(*learned), "healthy: a plain autoencoder"), "good");
  at::NoGradGuard no_grad;
  learned->named_parameters()["likelihood.log_var"].fill_(-30);
  EXPECT_EQ(level_of(diagnosed_now(*learned), "100 % of the elements"), "bad");
}

}  // namespace
}  // namespace elbo
