// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>

#include "elbo/prob/likelihood.h"

namespace elbo {
namespace {

constexpr int64_t kSteps = 4;

/// A network for sequences of bits: the logit of step t is z_0 + 2 x_{t-1} - x_{t-2}.
Decoder toy_decoder() {
  Decoder out;
  out.event_shape = {kSteps};
  out.is_autoregressive = true;
  out.forward = [](const Tensor& z, const Tensor& previous) {
    Tensor one = at::constant_pad_nd(previous, {1, 0}).narrow(1, 0, kSteps);
    Tensor two = at::constant_pad_nd(previous, {2, 0}).narrow(1, 0, kSteps);
    return (z.select(1, 0).unsqueeze(1) + 2 * one - two).unsqueeze(1);
  };
  return out;
}

std::shared_ptr<Likelihood> bits() {
  Schema schema;
  schema.shape = {kSteps};
  return likelihoods().make("bernoulli", schema);
}

/// Every sequence of kSteps bits, [16, kSteps].
Tensor all_sequences() {
  Tensor number = at::arange(1 << kSteps).unsqueeze(1);
  Tensor power = at::pow(2, at::arange(kSteps)).unsqueeze(0);
  return at::bitwise_and(at::floor_divide(number, power), 1).to(at::kFloat);
}

TEST(Autoregressive, DensitySumsToOneForEachZ) {
  auto likelihood = bits();
  Tensor z = at::tensor({-0.7f, 0.0f, 1.3f}).view({3, 1});
  auto p = likelihood->given(toy_decoder(), z);
  Tensor total = at::zeros({3});
  for (const Tensor& x : all_sequences().unbind(0)) {
    total += p->log_prob(x.unsqueeze(0).expand({3, kSteps})).exp();
  }
  EXPECT_LT((total - 1).abs().max().item<double>(), 1e-5);
}

TEST(Autoregressive, SamplesFollowTheDensity) {
  auto likelihood = bits();
  auto p = likelihood->given(toy_decoder(), at::full({1, 1}, 0.3f));
  Rng rng(5, "sequences");
  constexpr int64_t kDraws = 20000;
  Tensor draws = p->sample(rng, kDraws);  // [n, 1, T]
  ASSERT_EQ(draws.sizes().vec(), (std::vector<int64_t>{kDraws, 1, kSteps}));
  for (const Tensor& x : all_sequences().unbind(0)) {
    double expected = p->log_prob(x.unsqueeze(0)).exp().item<double>();
    double seen = (draws.squeeze(1) == x).all(-1).to(at::kFloat).mean().item<double>();
    EXPECT_NEAR(seen, expected, 5 * std::sqrt(expected * (1 - expected) / kDraws));
  }
}

TEST(Autoregressive, DrawsOfZBroadcastAgainstX) {
  auto likelihood = bits();
  Tensor z = at::linspace(-1, 1, 6).view({2, 3, 1});  // [K, B, Z]
  Tensor x = all_sequences().narrow(0, 5, 3);         // [B, T]
  Tensor both = likelihood->given(toy_decoder(), z)->log_prob(x);
  for (int64_t k = 0; k < 2; ++k) {
    Tensor one = likelihood->given(toy_decoder(), z[k])->log_prob(x);
    EXPECT_LT((both[k] - one).abs().max().item<double>(), 1e-6);
  }
}

TEST(Autoregressive, AMaskedTailCountsNothing) {
  auto likelihood = bits();
  auto p = likelihood->given(toy_decoder(), at::full({1, 1}, 0.3f));
  Tensor mask = at::tensor({1.f, 1.f, 0.f, 0.f}).unsqueeze(0);
  Tensor a = at::tensor({1.f, 0.f, 0.f, 0.f}).unsqueeze(0);
  Tensor b = at::tensor({1.f, 0.f, 1.f, 1.f}).unsqueeze(0);
  EXPECT_EQ(p->log_prob(a, mask).item<float>(), p->log_prob(b, mask).item<float>());
}

/// Three categories in each place, shown to networks as one-hot vectors.
class ThreeWay : public Likelihood {
 public:
  int64_t params() const override { return 3; }
  void check_support(const Tensor&, const Tensor&) const override {}
  Tensor shown(const Tensor& x) const override {
    return at::one_hot(x.to(at::kLong), 3).to(at::kFloat);
  }
  std::vector<int64_t> shown_shape(const std::vector<int64_t>& event) const override {
    return {event.at(0), 3};
  }
  std::unique_ptr<Distribution> distribution(const Tensor& parameters) const override;
  Tensor output_bias(const Tensor&, const Tensor&) const override { return {}; }
};

class ThreeWays : public Distribution {
 public:
  explicit ThreeWays(Tensor logits) : log_p_(logits.log_softmax(-2)) {}  // [.., 3, T]
  std::string name() const override { return "three ways"; }
  Tensor sample(Rng&, int64_t) const override { return point().unsqueeze(0); }
  Tensor log_prob(const Tensor& x, const Tensor&) const override {
    return log_p_.gather(-2, x.to(at::kLong).unsqueeze(-2)).squeeze(-2).sum(-1);
  }
  Tensor mean() const override { return (log_p_.exp() * at::arange(3.0F).view({3, 1})).sum(-2); }
  Tensor point() const override { return log_p_.argmax(-2).to(at::kFloat); }
  Tensor variance() const override { return at::zeros_like(mean()); }

 private:
  Tensor log_p_;
};

std::unique_ptr<Distribution> ThreeWay::distribution(const Tensor& parameters) const {
  return std::make_unique<ThreeWays>(parameters);
}

/// The logits of step t are z_0 + 2 times the vector of step t - 1, its categories turned by one.
Decoder turning_decoder() {
  Decoder out;
  out.event_shape = {kSteps};
  out.is_autoregressive = true;
  out.forward = [](const Tensor& z, const Tensor& previous) {  // [N, T, 3]
    Tensor before = at::constant_pad_nd(previous, {0, 0, 1, 0}).narrow(1, 0, kSteps);
    return (z.select(1, 0).view({-1, 1, 1}) + 2 * before.roll(1, 2)).transpose(1, 2);
  };
  return out;
}

TEST(Autoregressive, CategoriesAreShownAsTheLikelihoodPutsThem) {
  ThreeWay likelihood;
  auto p = likelihood.given(turning_decoder(), at::full({1, 1}, 0.3f));
  Tensor number = at::arange(81).unsqueeze(1);
  Tensor all = at::floor_divide(number, at::pow(3, at::arange(kSteps)).unsqueeze(0)) % 3;
  double total = 0;
  for (const Tensor& x : all.to(at::kFloat).unbind(0)) {
    total += p->log_prob(x.unsqueeze(0)).exp().item<double>();
  }
  EXPECT_NEAR(total, 1, 1e-5);
}

TEST(Autoregressive, TheMeanPathGoesOnFromWholeCategories) {
  ThreeWay likelihood;
  auto p = likelihood.given(turning_decoder(), at::full({1, 1}, 0.3f));
  Tensor first = p->mean().select(1, 0);
  Tensor expected = (first.unsqueeze(1) + at::arange(static_cast<float>(kSteps))).remainder(3);
  EXPECT_TRUE(at::equal(p->mean(), expected)) << p->mean();
}

}  // namespace
}  // namespace elbo
