// SPDX-License-Identifier: Apache-2.0
#include "elbo/eval/evaluate.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "elbo/eval/test_problems.h"

namespace elbo {
namespace {

Evaluation run(Model& model, const DatasetPtr& data, EvalOptions options = {}, uint64_t seed = 1) {
  return evaluate(model, Pipeline({}, data->schema()), *data, options, seed);
}

double value(const Evaluation& evaluation, const char* name) {
  const Metric* metric = evaluation.find(name);
  EXPECT_TRUE(metric) << name;
  return metric ? metric->value : std::nan("");
}

Code code_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const Error& e) {
    return e.code();
  }
  return Code::failure;
}

TEST(Evaluate, TheExactPosteriorMeetsTheEvidence) {
  LinearGaussian problem(2000);
  const double log_px = problem.log_px.mean().item<double>();
  for (int64_t samples : {1, 7}) {
    Evaluation out = run(*problem.model, problem.data, {.samples = samples});
    EXPECT_NEAR(value(out, "iwae"), -log_px, 2e-5) << samples;
    EXPECT_NEAR(value(out, "effective_samples"), static_cast<double>(samples), 1e-6);
    // One draw of z is noisy: log p(x|z) has a variance of at most 2 here.
    EXPECT_NEAR(value(out, "neg_elbo"), -log_px, 4 * std::sqrt(2.0 / 2000));
    EXPECT_NEAR(value(out, "neg_elbo"), value(out, "recon") + value(out, "kl"), 1e-9);
  }
}

TEST(Evaluate, FewRowsAreDrawnForOften) {
  for (auto [rows, draws] : {std::pair<int64_t, int64_t>{20, 64}, {64, 64}, {400, 10}, {5000, 1}}) {
    LinearGaussian problem(rows);
    auto neg_elbo = [&](int64_t k) {
      return value(run(*problem.model, problem.data, {.draws = k}), "neg_elbo");
    };
    EXPECT_EQ(neg_elbo(0), neg_elbo(draws)) << rows;
    EXPECT_NE(neg_elbo(0), neg_elbo(draws + 1)) << rows;
    const double off = std::sqrt(2.0 / static_cast<double>(rows * draws));
    EXPECT_NEAR(neg_elbo(0), -problem.log_px.mean().item<double>(), 4 * off) << rows;
  }
}

TEST(Evaluate, TheBoundRisesWithKToTheEvidence) {
  LinearGaussian problem(500, {.shift = 0.4, .log_scale = 0.4});
  const double log_px = problem.log_px.mean().item<double>();
  double before = value(run(*problem.model, problem.data), "neg_elbo");
  EXPECT_GT(before, -log_px + 0.5);
  double first = before - (-log_px);
  for (int64_t samples : {4, 16, 64, 256, 1024}) {
    Evaluation out = run(*problem.model, problem.data, {.samples = samples});
    EXPECT_LT(value(out, "iwae"), before + 0.002 * first) << samples;  // and its noise
    EXPECT_GE(value(out, "effective_samples"), 1);
    EXPECT_LT(value(out, "effective_samples"), 0.9 * static_cast<double>(samples));
    before = value(out, "iwae");
  }
  EXPECT_NEAR(before, -log_px, 0.005 * first);
}

TEST(Evaluate, DoesNotDependOnTheBatch) {
  LinearGaussian problem(300, {.shift = 0.2});
  Evaluation one = run(*problem.model, problem.data, {.samples = 5, .batch = 1000});
  for (int64_t batch : {1, 64, 100, 130}) {
    Evaluation other = run(*problem.model, problem.data, {.samples = 5, .batch = batch});
    ASSERT_EQ(one.metrics.size(), other.metrics.size());
    for (size_t i = 0; i < one.metrics.size(); ++i) {
      const Metric &a = one.metrics[i], &b = other.metrics[i];
      EXPECT_NEAR(a.value, b.value, 1e-6 * (1 + std::abs(a.value))) << a.name << " at " << batch;
    }
    EXPECT_NEAR(one.kl_per_dimension.at(1), other.kl_per_dimension.at(1), 1e-6);
    EXPECT_NEAR(one.variance_of_mean.at(1), other.variance_of_mean.at(1), 1e-6);
  }
}

TEST(Evaluate, KernelsFindWhatTheModelItselfFinds) {
  Rng rng(2, "weights");
  for (const char* posterior : {"diagonal", "full"}) {
    auto model = linear_model(3, 20, posterior, "gaussian");
    Recorder own(model);
    DatasetPtr data = table_of(normal(rng, {700, 20}));
    for (int round = 0; round < 2; ++round) {  // weights move between evaluations
      at::NoGradGuard no_grad;
      for (Tensor& p : model->parameters()) p.add_(normal(rng, p.sizes()), 0.3);
      Evaluation a = run(*model, data, {.samples = 9}), b = run(own, data, {.samples = 9});
      ASSERT_EQ(a.metrics.size(), b.metrics.size());
      for (const Metric& m : b.metrics) {
        EXPECT_NEAR(value(a, m.name.c_str()), m.value, 1e-4 + 1e-5 * std::abs(m.value)) << m.name;
      }
      for (size_t i = 0; i < b.kl_per_dimension.size(); ++i) {
        EXPECT_NEAR(a.kl_per_dimension[i] / b.kl_per_dimension[i], 1, 1e-5);
      }
    }
  }
}

TEST(Evaluate, NoiseIsThatOfTheSeed) {
  LinearGaussian problem(100, {.shift = 0.2});
  auto iwae = [&](uint64_t seed) {
    return value(run(*problem.model, problem.data, {.samples = 5}, seed), "iwae");
  };
  EXPECT_EQ(iwae(1), iwae(1));
  EXPECT_NE(iwae(1), iwae(2));
}

TEST(Evaluate, CountsTheDimensionsThatVary) {
  Rng rng(2, "x");
  Tensor x = normal(rng, {4000, 4}, at::kDouble).to(at::kFloat).to(at::kDouble);
  auto model = linear_model(4, 4, "diagonal", fixed_gaussian(1));
  Tensor gain = at::tensor({0.0, 0.09, 0.11, 1.0}, at::kDouble);  // variances 0, 0.0081, 0.0121, 1
  Tensor log_var = at::tensor({0.0, -0.5, -1.0, -2.0}, at::kDouble);
  set_linear(*model, "encoder", at::cat({gain.diag(), at::zeros({4, 4}, at::kDouble)}),
             at::cat({at::full({4}, 3.0, at::kDouble), log_var}));
  Evaluation out = run(*model, table_of(x));
  EXPECT_EQ(value(out, "active_units"), 2);
  Tensor mu = x * gain + 3;
  Tensor kl = 0.5 * (mu.square().mean(0) + log_var.exp() - 1 - log_var);
  Tensor variance = mu.var(0, false);
  for (int64_t j = 0; j < 4; ++j) {
    EXPECT_NEAR(out.variance_of_mean.at(size_t(j)), variance[j].item<double>(), 1e-5);
    EXPECT_NEAR(out.kl_per_dimension.at(size_t(j)), kl[j].item<double>(), 1e-5);
  }
  EXPECT_NEAR(value(out, "kl"), kl.sum().item<double>(), 1e-5);
}

TEST(Evaluate, KlPerDimensionOfAFullCovarianceIsThatOfTheMarginals) {
  LinearGaussian problem(500);
  Evaluation out = run(*problem.model, problem.data);
  Tensor v = problem.posterior_covariance.diagonal();
  Tensor kl = 0.5 * (problem.posterior_mean.square().mean(0) + v - 1 - v.log());
  ASSERT_EQ(out.kl_per_dimension.size(), 2u);
  for (int64_t j = 0; j < 2; ++j) {
    EXPECT_NEAR(out.kl_per_dimension.at(size_t(j)), kl[j].item<double>(), 1e-5);
  }
  EXPECT_LT(out.kl_per_dimension[0] + out.kl_per_dimension.at(1), value(out, "kl") - 1e-4);
}

TEST(Evaluate, LimitTakesTheFirstRows) {
  LinearGaussian problem(300);
  EvalOptions options{.samples = 3};
  Evaluation part = run(*problem.model, table_of(problem.x.narrow(0, 0, 70)), options);
  options.limit = 70;
  EXPECT_EQ(run(*problem.model, problem.data, options).to_value(), part.to_value());
  EXPECT_EQ(part.examples, 70);
  options.limit = 1000;
  EXPECT_EQ(run(*problem.model, problem.data, options).examples, 300);
}

/// An autoencoder that always says 0, so that recon is 1/2 (|x|^2 / s^2 + D log 2 pi s^2).
struct Nought {
  Nought() {
    Rng rng(5, "x");
    x = normal(rng, {200, 3}, at::kDouble).to(at::kFloat).to(at::kDouble);
    model = linear_model(2, 3, "point", fixed_gaussian(0.5));
    set_linear(*model, "decoder", at::zeros({3, 2}), at::zeros({3}));
    recon = 0.5 * (x.square() / 0.25 + std::log(2 * std::numbers::pi * 0.25)).sum(-1);
  }
  Tensor x, recon;
  std::shared_ptr<Model> model;
};

TEST(Evaluate, StandardErrorIsDeviationOverRootN) {
  Nought problem;
  Evaluation out = run(*problem.model, table_of(problem.x), {.batch = 64});
  EXPECT_NEAR(value(out, "recon"), problem.recon.mean().item<double>(), 1e-5);
  double se = problem.recon.std(0, true).item<double>() / std::sqrt(200.0);
  EXPECT_NEAR(out.find("recon")->se, se, 1e-6);
  EXPECT_NEAR(value(out, "reconstruction_mse"), problem.x.square().mean().item<double>(), 1e-6);
}

TEST(Evaluate, APlainAutoencoderHasNoBound) {
  Nought problem;
  DatasetPtr data = table_of(problem.x);
  Evaluation out = run(*problem.model, data);
  ASSERT_EQ(out.metrics.size(), 2u);
  EXPECT_EQ(out.metrics[0].name, "recon");
  EXPECT_EQ(out.metrics[1].name, "reconstruction_mse");
  EXPECT_TRUE(out.kl_per_dimension.empty());
  EXPECT_EQ(code_of([&] { run(*problem.model, data, {.samples = 1}); }), Code::usage);
}

TEST(Evaluate, HiddenCellsCountForNothing) {
  Nought problem;
  Tensor mask = at::ones({200, 3}, at::kByte);
  mask.narrow(1, 0, 1).zero_();  // of three columns, two are seen
  Tensor x = problem.x * mask;
  auto model = linear_model(2, 3, "diagonal", fixed_gaussian(0.5));
  set_linear(*model, "decoder", at::zeros({3, 2}), at::tensor({100.0, 0.0, 0.0}));
  Evaluation out = run(*model, table_of(x, mask));
  Tensor seen = x.narrow(1, 1, 2);
  EXPECT_NEAR(value(out, "reconstruction_mse"), seen.square().mean().item<double>(), 1e-6);
}

TEST(Evaluate, SaysHowManyScalesFellToTheFloor) {
  Value options = Value::table();
  options["scale"] = "element";
  auto model = linear_model(2, 4, "diagonal", Part("gaussian", options));
  at::NoGradGuard no_grad;
  model->named_parameters()["decoder.output.weight"].zero_();
  model->named_parameters()["decoder.output.bias"].copy_(
      at::tensor({0.f, 0.f, 0.f, 0.f, -30.f, -13.f, 0.f, 1.f}));
  EXPECT_DOUBLE_EQ(run(*model, LinearGaussian(10).data).share_at_scale_floor, 0.25);
}

TEST(Evaluate, JsonHasTheLayoutScriptsRelyOn) {
  LinearGaussian problem(65);
  Value out = run(*problem.model, problem.data, {.samples = 3}).to_value();
  for (const char* name : {"neg_elbo", "neg_elbo_data_units", "recon", "kl", "reconstruction_mse",
                           "iwae", "iwae_data_units", "effective_samples"}) {
    const Value& metric = out.at("metrics").at(name);
    EXPECT_TRUE(std::isfinite(metric.at("value").as_number())) << name;
    EXPECT_GE(metric.at("se").as_number(), 0) << name;
    EXPECT_EQ(metric.find("samples") != nullptr, std::string(name) == "iwae");
  }
  EXPECT_EQ(out.at("metrics").at("neg_elbo").at("unit").as_string(), kDataUnits);
  EXPECT_EQ(out.at("metrics").at("kl").at("unit").as_string(), "nats");
  EXPECT_EQ(out.at("metrics").at("active_units").find("se"), nullptr);
  EXPECT_EQ(out.at("metrics").at("iwae").at("samples").as_integer(), 3);
  EXPECT_EQ(out.at("examples").as_integer(), 65);
  EXPECT_EQ(out.at("kl_per_dimension").as_list().size(), 2u);
  EXPECT_EQ(out.at("variance_of_mean").as_list().size(), 2u);
  Value without = run(*problem.model, problem.data).to_value();
  EXPECT_EQ(without.at("metrics").find("iwae"), nullptr);
}

TEST(Evaluate, RefusesDataTheModelCannotObserve) {
  auto model = linear_model(2, 3, "diagonal", "bernoulli");
  Tensor x = at::full({100, 3}, 0.5);
  run(*model, table_of(x));
  x[99][1] = 1.5;
  EXPECT_EQ(code_of([&] { run(*model, table_of(x)); }), Code::data);
  EXPECT_EQ(code_of([&] { run(*model, table_of(at::zeros({0, 3}))); }), Code::data);
}

TEST(Evaluate, LeavesTheModelInTheModeItHad) {
  LinearGaussian problem(10);
  for (bool training : {true, false}) {
    problem.model->train(training);
    run(*problem.model, problem.data);
    EXPECT_EQ(problem.model->is_training(), training);
  }
}

}  // namespace
}  // namespace elbo
