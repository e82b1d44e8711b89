// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/likelihood.h"

#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>

#include <limits>
#include <map>

#include "elbo/prob/bernoulli.h"
#include "elbo/prob/normal.h"
#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::error_of;
using testing::gradient_error;
using testing::max_difference;
using testing::standard_errors_off;
using testing::table_schema;

/// Where the mass of one element lies: points and the measure of each. A new likelihood is added
/// here, with a value it must refuse and the message of the refusal.
struct Support {
  Tensor points;
  double measure;
  double refused;
  std::string refusal;
};

const std::map<std::string, Support>& supports() {
  static const std::map<std::string, Support> table = {
      {"bernoulli",
       {at::tensor({0.0, 1.0}, at::kDouble), 1, 1.5,
        "data: x under the bernoulli likelihood must be in [0, 1]: got 1.5 at [1, 2]"}},
      {"continuous-bernoulli",
       {at::arange(5e-5, 1, 1e-4, at::kDouble), 1e-4, -0.5,
        "data: x under the continuous-bernoulli likelihood must be in [0, 1]: got -0.5 at [1, 2]"}},
      {"gaussian",
       {at::arange(-60, 60, 0.01, at::kDouble), 0.01, std::numeric_limits<double>::infinity(),
        "data: x under the gaussian likelihood must be finite: got inf at [1, 2]"}}};
  return table;
}

class LikelihoodContract : public ::testing::TestWithParam<Part> {
 protected:
  LikelihoodContract() { likelihood->to(at::kDouble); }

  /// [batch..., P, D]
  Tensor parameters(std::vector<int64_t> batch, int64_t d, at::ScalarType type = at::kDouble) {
    batch.push_back(likelihood->params());
    batch.push_back(d);
    return normal(rng, batch, type);
  }

  Rng rng{1, "likelihood"};
  std::shared_ptr<Likelihood> likelihood = likelihoods().make(GetParam(), table_schema(3));
};

TEST_P(LikelihoodContract, DensitySumsToOne) {
  ASSERT_TRUE(supports().count(GetParam().type)) << "add its support to the table";
  const Support& support = supports().at(GetParam().type);
  auto p = likelihood->distribution(parameters({4}, 1));
  Tensor density = p->log_prob(support.points.view({-1, 1, 1})).exp();  // [N, B]
  EXPECT_LT(max_difference(density.sum(0) * support.measure, at::ones({4})), 1e-6);
}

TEST_P(LikelihoodContract, SampleMomentsMatch) {
  auto p = likelihood->distribution(parameters({2}, 3));
  Tensor x = p->sample(rng, 20000);
  EXPECT_EQ(x.sizes(), at::IntArrayRef({20000, 2, 3}));
  EXPECT_LT(standard_errors_off(x, p->mean()), 5);
  EXPECT_LT(standard_errors_off((x - p->mean()).square(), p->variance()), 5);
}

TEST_P(LikelihoodContract, EntropyIsMeanNegativeLogProb) {
  auto p = likelihood->distribution(parameters({2}, 3));
  EXPECT_LT(standard_errors_off(-p->log_prob(p->sample(rng, 20000)), p->entropy()), 5);
}

TEST_P(LikelihoodContract, LogProbIsTheSumOverElements) {
  Tensor all = parameters({2}, 3);
  Tensor x = likelihood->distribution(all)->sample(rng, 1)[0], sum = at::zeros({2}, at::kDouble);
  for (int64_t j = 0; j < 3; ++j) {
    sum += likelihood->distribution(all.narrow(-1, j, 1))->log_prob(x.narrow(-1, j, 1));
  }
  EXPECT_LT(max_difference(likelihood->distribution(all)->log_prob(x), sum), 1e-12);
}

TEST_P(LikelihoodContract, DrawsBroadcastAgainstData) {
  Tensor all = parameters({5, 2}, 3);  // [K, B, P, D]
  auto p = likelihood->distribution(all);
  Tensor x = p->sample(rng, 1)[0][0], mask = at::ones({2, 3}, at::kDouble);
  mask[1][0] = 0;
  for (const Tensor& m : {Tensor(), mask}) {
    Tensor together = p->log_prob(x, m);
    ASSERT_EQ(together.sizes(), at::IntArrayRef({5, 2}));
    for (int64_t k = 0; k < 5; ++k) {
      Tensor alone = likelihood->distribution(all[k])->log_prob(x, m);
      EXPECT_LT(max_difference(together[k], alone), 1e-12);
    }
  }
}

TEST_P(LikelihoodContract, GradientMatchesCentralDifferences) {
  Tensor mask = at::tensor({1., 0., 1., 1., 1., 0.}, at::kDouble).view({2, 3});
  for (auto batch : {std::vector<int64_t>{2}, std::vector<int64_t>{4, 2}}) {
    Tensor all = parameters(batch, 3), weight = normal(rng, batch, at::kDouble);
    Tensor x = likelihood->distribution(parameters({2}, 3))->sample(rng, 1)[0].detach();
    for (const Tensor& m : {Tensor(), mask}) {
      auto value = [&] { return (likelihood->distribution(all)->log_prob(x, m) * weight).sum(); };
      EXPECT_LT(gradient_error(value, all), 1e-7);
      for (Tensor& own : likelihood->parameters()) EXPECT_LT(gradient_error(value, own), 1e-7);
    }
  }
}

TEST_P(LikelihoodContract, EveryParameterOfItsOwnLearns) {
  auto fresh = likelihoods().make(GetParam(), table_schema(3));
  if (fresh->parameters().empty()) return;
  Tensor x = at::full({2, 3}, 0.25);
  fresh->distribution(at::zeros({2, fresh->params(), 3}))->log_prob(x).sum().backward();
  for (const auto& item : fresh->named_parameters()) {
    ASSERT_TRUE(item.value().grad().defined()) << item.key();
    EXPECT_GT(item.value().grad().abs().sum().item<double>(), 0.1) << item.key();
  }
}

TEST_P(LikelihoodContract, SinglePrecisionAgreesWithDouble) {
  Tensor all = parameters({2}, 3), x = likelihood->distribution(all)->sample(rng, 1)[0];
  Tensor exact = likelihood->distribution(all)->log_prob(x);
  auto single = likelihoods().make(GetParam(), table_schema(3));
  Tensor rounded = single->distribution(all.to(at::kFloat))->log_prob(x.to(at::kFloat));
  EXPECT_EQ(rounded.scalar_type(), at::kFloat);
  EXPECT_LT(((rounded - exact).abs() / (1 + exact.abs())).max().item<double>(), 2e-5);
}

TEST_P(LikelihoodContract, ExtremesStayFinite) {
  auto single = likelihoods().make(GetParam(), table_schema(3));
  for (double first : {-100.0, 0.0, 100.0}) {
    for (double last : {-100.0, 100.0}) {
      Tensor all = at::full({2, single->params(), 3}, first);
      if (single->params() > 1) all.select(1, single->params() - 1).fill_(last);
      all.requires_grad_(true);
      for (double value : {0.0, 1.0}) {
        Tensor log_p = single->distribution(all)->log_prob(at::full({2, 3}, value));
        log_p.sum().backward();
        EXPECT_TRUE(log_p.isfinite().all().item<bool>()) << first << ' ' << last;
        EXPECT_TRUE(all.grad().isfinite().all().item<bool>()) << first << ' ' << last;
      }
      auto p = single->distribution(all.detach());
      for (const Tensor& t : {p->mean(), p->variance(), p->entropy(), p->sample(rng, 3)}) {
        EXPECT_TRUE(t.isfinite().all().item<bool>()) << first << ' ' << last;
      }
    }
  }
}

TEST_P(LikelihoodContract, MaskedElementsContributeNothing) {
  Tensor mask = at::tensor({1., 0., 1., 0., 1., 0.}, at::kDouble).view({2, 3});
  Tensor all = parameters({2}, 3), x = likelihood->distribution(all)->sample(rng, 1)[0];
  auto log_prob = [&](const Tensor& parameters, const Tensor& x, const Tensor& m) {
    return likelihood->distribution(parameters)->log_prob(x, m);
  };
  Tensor observed = log_prob(all, x, mask);
  EXPECT_TRUE(at::equal(observed, log_prob(all, x * mask, mask))) << "whatever x holds";
  Tensor moved = all + 3 * (1 - mask).unsqueeze(1);
  EXPECT_TRUE(at::equal(observed, log_prob(moved, x, mask))) << "whatever the decoder says";
  EXPECT_LT(max_difference(observed + log_prob(all, x, 1 - mask), log_prob(all, x, {})), 1e-12);
  EXPECT_TRUE(at::equal(log_prob(all, x, at::ones_like(mask)), log_prob(all, x, {})));
  EXPECT_TRUE(at::equal(log_prob(all, x, at::zeros_like(mask)), at::zeros({2}, at::kDouble)));

  all.requires_grad_(true);
  log_prob(all, x, mask).sum().backward();
  Tensor gradient = all.grad().abs().sum(1);  // [B, D]
  EXPECT_TRUE(at::equal(gradient == 0, mask == 0));
}

TEST_P(LikelihoodContract, RefusesDataOutsideItsSupport) {
  const Support& support = supports().at(GetParam().type);
  Tensor x = at::zeros({2, 3});
  EXPECT_EQ(error_of([&] { likelihood->check_support(x, {}); }), "");
  x[1][2] = support.refused;
  EXPECT_EQ(error_of([&] { likelihood->check_support(x, {}); }), support.refusal);
  x[1][2] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(error_of([&] { likelihood->check_support(x, {}); }).find("got nan at [1, 2]"),
            std::string::npos);
}

TEST_P(LikelihoodContract, OutputBiasReproducesTheMeans) {
  Tensor mean = at::tensor({0.2, 0.5, 0.9}, at::kDouble);
  Tensor variance = at::tensor({0.1, 0.2, 0.3}, at::kDouble);
  Tensor bias = likelihood->output_bias(mean, variance);
  if (!bias.defined()) return;
  ASSERT_EQ(bias.sizes(), at::IntArrayRef({likelihood->params(), 3}));
  EXPECT_LT(max_difference(likelihood->distribution(bias)->mean(), mean), 1e-12);
  Tensor dead = likelihood->output_bias(at::zeros({3}), at::zeros({3}));
  EXPECT_TRUE(dead.isfinite().all().item<bool>()) << "columns that never vary";
}

TEST_P(LikelihoodContract, ImagesEqualTheirFlattening) {
  auto images = likelihoods().make(GetParam(), testing::image_schema(2, 3, 4));
  auto tables = likelihoods().make(GetParam(), table_schema(24));
  Tensor flat = normal(rng, {5, 2, images->params(), 24});
  auto p = tables->distribution(flat);
  auto q = images->distribution(flat.view({5, 2, images->params(), 2, 3, 4}));
  Tensor x = p->sample(rng, 1)[0][0], mask = (uniform(rng, {2, 24}) < 0.5).to(at::kFloat);
  auto image = [](const Tensor& t) { return t.view({2, 2, 3, 4}); };
  EXPECT_LT(max_difference(p->log_prob(x), q->log_prob(image(x))), 1e-4);
  EXPECT_LT(max_difference(p->log_prob(x, mask), q->log_prob(image(x), image(mask))), 1e-4);
  EXPECT_LT(max_difference(p->entropy(), q->entropy()), 1e-4);
  EXPECT_EQ(q->sample(rng, 7).sizes(), at::IntArrayRef({7, 5, 2, 2, 3, 4}));
  EXPECT_TRUE(at::equal(p->mean(), q->mean().flatten(2)));
  EXPECT_TRUE(at::equal(p->variance(), q->variance().flatten(2)));
}

TEST_P(LikelihoodContract, NetworksAreShownTheShapeItSays) {
  Tensor x = likelihood->distribution(parameters({5, 2}, 3))->sample(rng, 1)[0];
  std::vector<int64_t> expected = likelihood->shown_shape({3});
  EXPECT_EQ(expected.at(0), 3);
  expected.insert(expected.begin(), {5, 2});
  EXPECT_EQ(likelihood->shown(x).sizes(), at::IntArrayRef(expected));
}

TEST_P(LikelihoodContract, GivenRunsTheDecoderOnEveryDraw) {
  Tensor z = normal(rng, {5, 2, 4}, at::kDouble);
  Tensor weight = normal(rng, {4, likelihood->params() * 3}, at::kDouble);
  Decoder decoder;
  decoder.forward = [&](const Tensor& z, const Tensor&) {
    return at::matmul(z, weight).unflatten(-1, {likelihood->params(), 3});
  };
  Tensor expected = likelihood->distribution(decoder.forward(z[3], {}))->mean();
  EXPECT_LT(max_difference(likelihood->given(decoder, z)->mean()[3], expected), 1e-12);
}

/// A decoder that puts out what it is given, whatever z is.
Decoder decoder_of(const Tensor& parameters) {
  Decoder out;
  out.event_shape = {parameters.size(-1)};
  out.forward = [parameters](const Tensor&, const Tensor&) { return parameters; };
  return out;
}

/// log p(x|z) [K, B] and the gradients of its weighted sum for parameters and the likelihood's own,
/// in f64.
std::vector<Tensor> observe(Likelihood& likelihood, const Tensor& parameters, const Tensor& x,
                            const Tensor& mask, bool as_mean) {
  at::ScalarType type = parameters.scalar_type();
  likelihood.to(type);
  for (Tensor& p : likelihood.parameters()) p.mutable_grad() = Tensor();
  Tensor leaf = parameters.detach().clone().requires_grad_(true);
  Tensor z = at::zeros({parameters.size(0), parameters.size(1), 1}, type);
  Tensor log_p =
      likelihood.log_prob(decoder_of(leaf), z, x.to(type), mask.defined() ? mask.to(type) : mask);
  Rng weights(7, "weights");
  (as_mean ? log_p.mean() : (log_p * normal(weights, log_p.sizes())).sum()).backward();
  std::vector<Tensor> out = {log_p.detach(), leaf.grad()};
  for (const Tensor& p : likelihood.parameters()) out.push_back(p.grad());
  for (Tensor& t : out) t = t.to(at::kDouble).clone();
  return out;
}

// In f32 a kernel observes where there is one, in f64 LibTorch's operators.
TEST_P(LikelihoodContract, KernelsObserveAsOperatorsDo) {
  for (int64_t d : {1, 6, 33}) {
    for (int64_t k : {1, 3}) {
      Tensor all = parameters({k, 4}, d).to(at::kFloat);
      Tensor x = likelihood->distribution(parameters({4}, d))->sample(rng, 1)[0].detach();
      x = x.to(at::kFloat);
      Tensor mask = (uniform(rng, {4, d}) < 0.7).to(at::kFloat);
      for (const Tensor& m : {Tensor(), mask}) {
        for (bool as_mean : {true, false}) {
          auto kernels = observe(*likelihood, all, x, m, as_mean);
          auto operators = observe(*likelihood, all.to(at::kDouble), x, m, as_mean);
          ASSERT_EQ(kernels.size(), operators.size());
          for (size_t i = 0; i < kernels.size(); ++i) {
            ASSERT_EQ(kernels[i].sizes(), operators[i].sizes());
            double norm = operators[i].norm().item<double>();
            EXPECT_LT((kernels[i] - operators[i]).norm().item<double>(), 1e-5 * norm + 1e-6) << i;
          }
        }
      }
    }
  }
}

TEST_P(LikelihoodContract, GradientMayBeTakenTwice) {
  likelihood->to(at::kFloat);
  Tensor leaf = parameters({2, 3}, 5).to(at::kFloat).requires_grad_(true);
  Tensor x = likelihood->distribution(parameters({3}, 5))->sample(rng, 1)[0].to(at::kFloat);
  Tensor log_p = likelihood->log_prob(decoder_of(leaf), at::zeros({2, 3, 1}), x.detach(), {});
  auto gradient = [&](const Tensor& weight) {
    return torch::autograd::grad({(log_p * weight).sum()}, {leaf}, {}, /*retain_graph=*/true)[0];
  };
  Tensor one = at::full({2, 3}, 0.5), other = at::full({2, 3}, -2.0);
  Tensor first = gradient(one), second = gradient(other), third = gradient(one);
  EXPECT_TRUE(at::allclose(second, -4 * first, 1e-5, 1e-6));
  EXPECT_TRUE(at::allclose(third, first, 1e-6, 1e-7));
}

TEST_P(LikelihoodContract, WithoutGradientHoldsFewOfTheDecodersRows) {
  at::NoGradGuard no_grad;
  likelihood->to(at::kFloat);
  const int64_t p = likelihood->params();
  int64_t most = 0;
  Decoder decoder;
  decoder.event_shape = {2};
  decoder.forward = [&](const Tensor& z, const Tensor&) {
    most = std::max(most, z.numel());
    return (z * at::ones({p * 2})).view({z.size(0), z.size(1), p, 2});
  };
  Tensor z = 0.1 * normal(rng, {700, 11, 1});
  Tensor x = likelihood->distribution(parameters({11}, 2))->sample(rng, 1)[0].to(at::kFloat);
  Tensor together = likelihood->log_prob(decoder, z, x, {});
  EXPECT_LE(most, 2048);
  EXPECT_EQ(together.sizes(), at::IntArrayRef({700, 11}));
  EXPECT_TRUE(
      at::equal(together[650], likelihood->log_prob(decoder, z.narrow(0, 650, 1), x, {})[0]));
}

/// Not the scale for each column, which has the schema's shape where the contract varies shapes.
std::vector<Part> of_any_shape() {
  std::vector<Part> out = testing::variants(likelihoods());
  std::erase_if(out, [](const Part& part) {
    const Value* scale = part.options.find("scale");
    return scale && *scale == "column";
  });
  return out;
}

INSTANTIATE_TEST_SUITE_P(Every, LikelihoodContract, ::testing::ValuesIn(of_any_shape()));

// It is the normal whose variances are its own, in value and in all gradients, by its kernel and by
// operators, and starts where it is told to.
TEST(Gaussian, AScaleForEachColumn) {
  Part part("gaussian");
  part.options["scale"] = "column";
  auto likelihood = likelihoods().make(part, testing::table_schema(3));
  Tensor variance = at::tensor({0.3f, 1.0f, 4.0f});
  likelihood->set_noise(variance);
  Rng rng(7, "columns");
  Tensor mu = normal(rng, {2, 5, 1, 3}), x = normal(rng, {5, 3}), z = at::zeros({2, 5, 1});
  Tensor mask = (uniform(rng, {5, 3}) < 0.7f).to(at::kFloat);
  Decoder decoder;
  decoder.event_shape = {3};
  decoder.forward = [&](const Tensor&, const Tensor&) { return mu; };
  mu.requires_grad_();
  Tensor own = likelihood->parameters().at(0);
  auto gradients = [&](const Tensor& log_prob) {
    for (Tensor t : {mu, own}) t.mutable_grad() = Tensor();
    log_prob.sum().backward();
    return at::cat({mu.grad().flatten(), own.grad().flatten()});
  };
  for (const Tensor& m : {Tensor(), mask}) {
    Tensor by_kernel = likelihood->log_prob(decoder, z, x, m);
    Tensor expected = DiagonalNormal(mu.squeeze(2), variance.log(), 1).log_prob(x, m);
    EXPECT_LT(max_difference(by_kernel, expected.to(at::kDouble)), 1e-4);
    Tensor of_kernel = gradients(by_kernel);
    EXPECT_LT(max_difference(of_kernel, gradients(likelihood->given(decoder, z)->log_prob(x, m))),
              1e-4);
    EXPECT_GT(own.grad().abs().min().item<double>(), 0);
  }
}

TEST(ContinuousBernoulli, DrawsHaveTheMeanAndVarianceOfTheirLogits) {
  Tensor l = at::tensor({-3.0f, -0.11f, -0.05f, -2e-3f, -1e-5f, 0.0f, 1e-5f, 2e-3f, 0.05f, 0.11f});
  ContinuousBernoulli p(l.unsqueeze(1));
  Rng rng(1, "draws");
  Tensor x = p.sample(rng, 400000).to(at::kDouble).squeeze(-1);  // standard error 5e-4
  EXPECT_LT(max_difference(x.mean(0), p.mean().squeeze(-1)), 2.5e-3);
  EXPECT_LT(max_difference(x.var(0), p.variance().squeeze(-1)), 2.5e-3);
}

TEST(ContinuousBernoulli, ValuesAndMomentsByQuadrature) {
  // Around 0 lies the seam between the series and the closed form.
  Tensor l = at::tensor({-40.0, -3.0, -0.1, -0.0999, -1e-6, 0.0, 0.05, 0.0999, 0.1, 3.0, 40.0},
                        at::kDouble);
  Tensor x = (at::arange(0, 200000, at::kDouble) + 0.5) / 200000;
  Tensor weight = (x.unsqueeze(1) * l).exp();  // [N, L]
  Tensor total = weight.mean(0), mean = (x.unsqueeze(1) * weight).mean(0) / total;
  Tensor variance = ((x.unsqueeze(1) - mean).square() * weight).mean(0) / total;
  ContinuousBernoulli p(l.unsqueeze(1));
  EXPECT_LT(max_difference(p.log_prob(at::zeros({1}, at::kDouble)), -total.log()), 1e-8);
  EXPECT_LT(max_difference(p.mean().squeeze(1), mean), 1e-8);
  EXPECT_LT(max_difference(p.variance().squeeze(1), variance), 1e-8);
  EXPECT_LT(max_difference(ContinuousBernoulli::logits_of_mean(mean), l), 1e-5);
}

TEST(Gaussian, LearnedScaleFollowsItsModule) {
  Part part("gaussian", parse_toml("scale = 'learned'\nvalue = 2.0", "test"));
  auto likelihood = likelihoods().make(part, table_schema(1));
  Tensor own = likelihood->named_parameters()["log_var"];
  likelihood->to(at::kDouble);
  {
    at::NoGradGuard no_grad;
    likelihood->parameters()[0].fill_(std::log(9.0));
  }
  auto p = likelihood->distribution(at::zeros({1, 1, 1}, at::kDouble));
  EXPECT_NEAR(p->variance().item<double>(), 9, 1e-12);
  p->log_prob(at::zeros({1, 1}, at::kDouble)).sum().backward();
  EXPECT_NEAR(likelihood->parameters()[0].grad().item<double>(), -0.5, 1e-12);
}

TEST(Gaussian, ScaleIsTheStandardDeviation) {
  for (const char* scale : {"fixed", "learned"}) {
    for (double value : {1e-3, 0.1, 3.0}) {
      Part part("gaussian");
      part.options["scale"] = scale;
      part.options["value"] = value;
      auto p = likelihoods().make(part, table_schema(1))->distribution(at::zeros({1, 1, 1}));
      EXPECT_NEAR(p->variance().sqrt().item<double>() / value, 1, 1e-5) << scale;
    }
  }
}

TEST(Gaussian, DecodedScaleStartsAtTheDatasVariance) {
  auto likelihood =
      likelihoods().make({"gaussian", parse_toml("scale = 'element'", "t")}, table_schema(2));
  Tensor variance = at::tensor({0.5, 4.0});
  Tensor bias = likelihood->output_bias(at::zeros({2}), variance);
  EXPECT_LT(max_difference(likelihood->distribution(bias)->variance(), variance), 1e-5);
}

TEST(Gaussian, RefusesScalesItCannotKeep) {
  for (double value : {0.0, -1.0, 1e-4}) {
    Part part("gaussian");
    part.options["value"] = value;
    EXPECT_EQ(error_of([&] { likelihoods().make(part, table_schema(1)); }),
              "usage: likelihood 'gaussian': value: must be in [0.001, 20000], got " +
                  to_toml_inline(value));
  }
}

}  // namespace
}  // namespace elbo
