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

}  // namespace
}  // namespace elbo
