// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/optimizer.h"

#include <gtest/gtest.h>

#include "elbo/tensor/random.h"
#include "elbo/tensor/testing.h"
#include "elbo/train/weights.h"

namespace elbo {
namespace {

using testing::max_difference;

Part part_of(const char* type, std::vector<std::pair<const char*, Value>> options) {
  Part out(type);
  for (auto& [key, value] : options) out.options[key] = value;
  return out;
}

/// Every row with its defaults, and the variants that take another path through the code.
std::vector<Part> all_optimizers() {
  std::vector<Part> out;
  for (const std::string& name : optimizers().names()) out.emplace_back(name);
  out.push_back(part_of("sgd", {{"momentum", 0.8}}));
  out.push_back(part_of("sgd", {{"momentum", 0.8}, {"nesterov", true}}));
  out.push_back(part_of("rmsprop", {{"momentum", 0.5}}));
  return out;
}

/// A problem that knows its answer.
struct Problem {
  const char* name;
  std::vector<double> start, minimum;
  double lr;
  int steps;
  Tensor (*value)(const Tensor&);
};

/// Curvatures 1 and 10; and Rosenbrock 1960, (1 - x)^2 + 20 (y - x^2)^2.
const Problem kProblems[] = {
    {"quadratic",
     {3, -2},
     {1, 0.5},
     0.02,
     2000,
     [](const Tensor& p) { return 0.5 * (p[0] - 1).square() + 5 * (p[1] - 0.5).square(); }},
    {"rosenbrock",
     {-0.5, 1},
     {1, 1},
     5e-3,
     12000,
     [](const Tensor& p) { return (1 - p[0]).square() + 20 * (p[1] - p[0].square()).square(); }},
};

/// One step along the gradient of `value`.
void step(Optimizer& optimizer, Tensor& p, Tensor (*value)(const Tensor&), double lr) {
  p.mutable_grad() = Tensor();
  value(p).backward();
  optimizer.gradient_norm();
  optimizer.step(lr);
}

class EveryOptimizer : public ::testing::TestWithParam<Part> {};

TEST_P(EveryOptimizer, FindsTheMinimumOfProblemsThatKnowIt) {
  for (const Problem& problem : kProblems) {
    Tensor p = at::tensor(problem.start, at::kDouble).requires_grad_(true);
    Part part = GetParam();
    if (part.type == "adamw") part.options["weight_decay"] = 0.0;  // it pulls towards zero
    auto optimizer = optimizers().make(part, {p});
    for (int i = 0; i < problem.steps; ++i) {
      double lr = problem.lr * (1 - static_cast<double>(i) / problem.steps);
      step(*optimizer, p, problem.value, lr);
    }
    Tensor minimum = at::tensor(problem.minimum, at::kDouble);
    EXPECT_LT(max_difference(p, minimum), 0.02) << problem.name << " reached " << p;
  }
}

TEST_P(EveryOptimizer, SavedAndLoadedContinuesBitForBit) {
  auto value = kProblems[1].value;
  Tensor p = at::tensor({-0.5, 1.0}, at::kFloat).requires_grad_(true);
  auto uninterrupted = optimizers().make(GetParam(), {p});
  for (int i = 0; i < 7; ++i) step(*uninterrupted, p, value, 1e-3);
  Tensor q = p.detach().clone().requires_grad_(true);
  auto resumed = optimizers().make(GetParam(), {q});
  NamedTensors saved = parse_tensors(encode_tensors(uninterrupted->state()), "state");
  assign(resumed->state(), saved, "state");
  for (int i = 0; i < 9; ++i) {
    step(*uninterrupted, p, value, 1e-3);
    step(*resumed, q, value, 1e-3);
    ASSERT_TRUE(at::equal(p, q)) << "step " << i;
  }
}

TEST_P(EveryOptimizer, MovesNothingAtLearningRateZero) {
  Tensor p = at::tensor({-0.5, 1.0}, at::kFloat).requires_grad_(true);
  Tensor before = p.detach().clone();
  auto optimizer = optimizers().make(GetParam(), {p});
  for (int i = 0; i < 3; ++i) step(*optimizer, p, kProblems[0].value, 0);
  EXPECT_TRUE(at::equal(p, before));
}

// In f64 operators move the parameters, in f32 kernels.
TEST_P(EveryOptimizer, KernelsMoveAsOperatorsDo) {
  Rng rng(4, "optimizer");
  Tensor start = normal(rng, {40000});  // several pieces
  Tensor p = start.clone(), q = start.to(at::kDouble);
  auto kernels = optimizers().make(GetParam(), {p}), operators = optimizers().make(GetParam(), {q});
  for (int i = 0; i < 5; ++i) {
    p.mutable_grad() = normal(rng, {40000});
    q.mutable_grad() = p.grad().to(at::kDouble);
    EXPECT_NEAR(kernels->gradient_norm(), operators->gradient_norm(), 1e-3);
    kernels->step(0.01, 0.5), operators->step(0.01, 0.5);
  }
  EXPECT_LT(max_difference(p, q.to(at::kFloat)), 1e-5);
}

TEST(Optimizer, TellsOfEveryElementItMovedOnce) {
  Tensor p = at::zeros({40000}), q = at::zeros({3});
  auto sgd = optimizers().make("sgd", {p, q});
  p.mutable_grad() = at::ones({40000});  // q has none
  EXPECT_NEAR(sgd->gradient_norm(), 200, 1e-4);
  std::vector<Tensor> seen = {at::zeros({40000}), at::zeros({3})};
  uint32_t version = p._version();
  sgd->step(1, 1, [&](size_t i, int64_t at, int64_t n) { seen[i].narrow(0, at, n).add_(1); });
  EXPECT_TRUE(at::equal(seen[0], at::ones({40000})) && at::equal(seen[1], at::ones({3})));
  EXPECT_TRUE(at::equal(p, -at::ones({40000})) && at::equal(q, at::zeros({3})));
  EXPECT_NE(p._version(), version);
}

// 1 - 0.9999999 is not 1 - 0.9999999f: the first step would be 8 % short.
TEST(Adam, FirstStepHasTheLengthOfTheRateForDecaysNearOne) {
  for (double beta2 : {0.999, 0.9999999, 0.99999999}) {
    Tensor p = at::zeros({1}, at::kFloat);
    auto adam = optimizers().make(part_of("adam", {{"beta2", beta2}}), {p});
    p.mutable_grad() = at::full({1}, 3.0F);
    adam->gradient_norm();
    adam->step(0.01);
    EXPECT_NEAR(p.item<double>(), -0.01, 1e-6) << beta2;
  }
}

INSTANTIATE_TEST_SUITE_P(, EveryOptimizer, ::testing::ValuesIn(all_optimizers()));

/// The places of one number after steps with the gradients given.
std::vector<double> path(const Part& part, double start, const std::vector<double>& gradients,
                         double lr) {
  Tensor p = at::full({1}, start, at::kDouble);
  auto optimizer = optimizers().make(part, {p});
  std::vector<double> out;
  for (double g : gradients) {
    p.mutable_grad() = at::full({1}, g, at::kDouble);
    optimizer->gradient_norm();
    optimizer->step(lr);
    out.push_back(p.item<double>());
  }
  return out;
}

void expect_path(const Part& part, const std::vector<double>& gradients,
                 const std::function<double(double p, double g)>& by_hand) {
  double p = 2;
  std::vector<double> actual = path(part, p, gradients, 0.1);
  for (size_t i = 0; i < gradients.size(); ++i) {
    p = by_hand(p, gradients[i]);
    EXPECT_NEAR(actual[i], p, 1e-12) << "step " << i;
  }
}

const std::vector<double> kGradients = {0.5, -1.5, 3.0, 0.25};

TEST(Sgd, FollowsTheGradientAndThePenalty) {
  expect_path(part_of("sgd", {{"weight_decay", 0.3}}), kGradients,
              [](double p, double g) { return p - 0.1 * (g + 0.3 * p); });
}

TEST(Sgd, MomentumSumsDecayedGradients) {
  double m = 0;
  expect_path(part_of("sgd", {{"momentum", 0.9}}), kGradients, [&](double p, double g) {
    m = 0.9 * m + g;
    return p - 0.1 * m;
  });
}

TEST(Sgd, NesterovLooksOneStepAhead) {
  double m = 0;
  Part part = part_of("sgd", {{"momentum", 0.9}, {"nesterov", true}, {"weight_decay", 0.1}});
  expect_path(part, kGradients, [&](double p, double g) {
    g += 0.1 * p;
    m = 0.9 * m + g;
    return p - 0.1 * (g + 0.9 * m);
  });
}

TEST(Sgd, NesterovWithoutMomentumIsRefused) {
  Tensor p = at::zeros({1});
  std::string error = testing::error_of([&] {
    optimizers().make(part_of("sgd", {{"nesterov", true}}), {p});
  });
  EXPECT_EQ(error, "usage: sgd: nesterov needs momentum > 0");
}

TEST(Rmsprop, DividesByTheRunningRootMeanSquare) {
  double s = 0;
  expect_path(part_of("rmsprop", {{"alpha", 0.8}, {"eps", 1e-3}}), kGradients,
              [&](double p, double g) {
                s = 0.8 * s + 0.2 * g * g;
                return p - 0.1 * g / (std::sqrt(s) + 1e-3);
              });
}

TEST(Rmsprop, MomentumSumsDecayedSteps) {
  double s = 0, m = 0;
  expect_path(part_of("rmsprop", {{"alpha", 0.8}, {"eps", 1e-3}, {"momentum", 0.7}}), kGradients,
              [&](double p, double g) {
                s = 0.8 * s + 0.2 * g * g;
                m = 0.7 * m + g / (std::sqrt(s) + 1e-3);
                return p - 0.1 * m;
              });
}

/// Kingma & Ba 2015, algorithm 1; decoupled decay: Loshchilov & Hutter 2019, algorithm 2.
std::function<double(double, double)> adam_by_hand(double l2, double decay) {
  return [=, m = 0.0, v = 0.0, t = 0](double p, double g) mutable {
    ++t;
    double weight = p * (1 - 0.1 * decay);
    g += l2 * p;
    m = 0.8 * m + 0.2 * g;
    v = 0.95 * v + 0.05 * g * g;
    double m_hat = m / (1 - std::pow(0.8, t)), v_hat = v / (1 - std::pow(0.95, t));
    return weight - 0.1 * m_hat / (std::sqrt(v_hat) + 1e-3);
  };
}

Part adam_part(const char* type, double weight_decay) {
  return part_of(type,
                 {{"beta1", 0.8}, {"beta2", 0.95}, {"eps", 1e-3}, {"weight_decay", weight_decay}});
}

TEST(Adam, FollowsTheUnbiasedMeans) {
  expect_path(adam_part("adam", 0), kGradients, adam_by_hand(0, 0));
}

TEST(Adam, WeightDecayIsAnL2Penalty) {
  expect_path(adam_part("adam", 0.3), kGradients, adam_by_hand(0.3, 0));
}

TEST(AdamW, WeightDecayShrinksTheWeightsThemselves) {
  expect_path(adam_part("adamw", 0.3), kGradients, adam_by_hand(0, 0.3));
}

TEST(AdamW, DecaysByDefault) {
  EXPECT_LT(path("adamw", 2, {0.0}, 0.1)[0], 2);
  EXPECT_EQ(path("adam", 2, {0.0}, 0.1)[0], 2);
}

}  // namespace
}  // namespace elbo
