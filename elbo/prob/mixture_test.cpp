// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/mixture.h"

#include <gtest/gtest.h>

#include <cmath>

#include "elbo/prob/normal.h"
#include "elbo/tensor/random.h"
#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::max_difference;
using testing::standard_errors_off;

/// C components over Z dimensions, with full covariance or without.
std::unique_ptr<Distribution> components(int64_t c, int64_t z, bool full) {
  Rng rng(1, "mixture");
  Tensor mu = normal(rng, {c, z});
  if (!full) return std::make_unique<DiagonalNormal>(mu, normal(rng, {c, z}) - 1);
  Tensor cholesky = 0.3 * normal(rng, {c, z, z}).tril(-1);
  return std::make_unique<FullNormal>(mu, cholesky + normal(rng, {c, z}).exp().diag_embed());
}

TEST(Mixture, DensityIsTheMeanOfItsComponents) {
  for (bool full : {false, true}) {
    Mixture mixture(components(5, 3, full));
    auto parts = components(5, 3, full);
    Rng rng(2, "x");
    Tensor x = normal(rng, {4, 6, 3});
    Tensor density = at::zeros({4, 6}, at::kDouble);
    for (int64_t c = 0; c < 5; ++c) {
      density += parts->log_prob(x.unsqueeze(-2).expand({4, 6, 5, 3})).select(-1, c).exp() / 5;
    }
    EXPECT_LT(max_difference(mixture.log_prob(x), density.log().to(at::kDouble)), 1e-4) << full;
  }
}

TEST(Mixture, DensityIntegratesToOne) {
  Mixture mixture(components(7, 1, false));
  Tensor x = at::linspace(-30, 30, 60001, at::kDouble).unsqueeze(1);
  EXPECT_NEAR(mixture.log_prob(x).exp().sum().item<double>() * 0.001, 1, 1e-6);
}

// Multiplied out, the square of a narrow component far away loses all that f32 has.
TEST(Mixture, NarrowComponentsLoseNothing) {
  Tensor mu = at::full({1, 2}, 9.0f), log_var = at::full({1, 2}, -18.0f);
  Mixture mixture(std::make_unique<DiagonalNormal>(mu, log_var));
  Tensor x = mu + 1e-4f;
  Tensor exact = DiagonalNormal(mu.to(at::kDouble), log_var.to(at::kDouble)).log_prob(x);
  EXPECT_LT(max_difference(mixture.log_prob(x), exact), 1e-3);
}

// f32 goes by the kernel, f64 by operators.
TEST(Mixture, KernelAndOperatorsAgreeInValueAndGradients) {
  for (int64_t c : {1, 5, 70}) {
    Rng rng(6, "mixture");
    Tensor mean = normal(rng, {c, 4}), log_var = normal(rng, {c, 4}) - 1,
           x = normal(rng, {3, 7, 4});
    Tensor weight = normal(rng, {3, 7}).to(at::kDouble);
    std::vector<Tensor> values, gradients;
    for (auto type : {at::kFloat, at::kDouble}) {
      Tensor m = mean.to(type).detach().requires_grad_(), z = x.to(type).detach().requires_grad_();
      Tensor v = log_var.to(type).detach().requires_grad_();
      Mixture mixture(std::make_unique<DiagonalNormal>(m, v));
      Tensor log_p = mixture.log_prob(z);
      (log_p * weight).sum().backward();
      values.push_back(log_p.detach());
      for (const Tensor& t : {m, v, z}) gradients.push_back(t.grad().to(at::kDouble));
      at::NoGradGuard no_grad;
      EXPECT_EQ(max_difference(mixture.log_prob(z), values.back()), 0) << "without gradients";
    }
    EXPECT_LT(max_difference(values[0], values[1]), 1e-5) << c;
    for (size_t i : {0, 1, 2}) {
      EXPECT_LT(max_difference(gradients[i], gradients[i + 3]), 2e-5) << c << " " << i;
    }
  }
}

TEST(Mixture, DrawsHaveItsMoments) {
  for (bool full : {false, true}) {
    Mixture mixture(components(4, 3, full));
    Rng rng(3, "draws");
    Tensor draws = mixture.sample(rng, 20000);
    EXPECT_EQ(draws.sizes(), at::IntArrayRef({20000, 3}));
    EXPECT_LT(standard_errors_off(draws, mixture.mean()), 5);
    EXPECT_LT(standard_errors_off((draws - mixture.mean()).square(), mixture.variance()), 5);
  }
}

TEST(VampPrior, IsTheMixtureOfItsPseudoInputsPosteriors) {
  auto prior = make_vamp_prior({.components = 3}, {2, {2, 4}});
  Rng rng(4, "vamp");
  Tensor x = normal(rng, {10, 2, 4});
  prior->start_from(x, rng);
  auto encode = [](const Tensor& u) {
    return std::make_unique<DiagonalNormal>(u.select(2, 0), u.select(2, 1));
  };
  Tensor u = prior->parameters()[0];
  std::set<int64_t> rows;
  for (int64_t c = 0; c < 3; ++c) {
    Tensor same = (x == u[c]).flatten(1).all(1).nonzero();
    ASSERT_EQ(same.size(0), 1) << "starts from examples";
    rows.insert(same.item<int64_t>());
  }
  EXPECT_EQ(rows.size(), 3u) << "which are different";
  Tensor z = normal(rng, {6, 2});
  auto p = prior->given(encode, at::kFloat);
  EXPECT_LT(max_difference(p->log_prob(z), Mixture(encode(u)).log_prob(z)), 1e-12);
  p->log_prob(z).sum().backward();
  EXPECT_TRUE((u.grad().narrow(2, 0, 2) != 0).all().item<bool>());
}

TEST(VampPrior, FewExamplesServeSeveralPseudoInputs) {
  auto prior = make_vamp_prior({.components = 5}, {2, {1}});
  Rng rng(5, "vamp");
  prior->start_from(at::tensor({1.0f, 2.0f}).view({2, 1}), rng);
  Tensor u = prior->parameters()[0].detach();
  EXPECT_TRUE(((u == 1) | (u == 2)).all().item<bool>());
  EXPECT_GE((u == 1).sum().item<int64_t>(), 2);
}

}  // namespace
}  // namespace elbo
