// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/posterior.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "elbo/prob/normal.h"
#include "elbo/prob/prior.h"
#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::gradient_error;
using testing::max_difference;
using testing::standard_errors_off;

/// [B, Z, Z] of the distributions with a covariance known here; undefined for others.
Tensor covariance(const Distribution& d) {
  if (auto full = dynamic_cast<const FullNormal*>(&d)) {
    return at::matmul(full->cholesky(), full->cholesky().transpose(-2, -1));
  }
  return d.variance().diag_embed();
}

bool has_density(const std::string& type) { return type != "point"; }

/// An even grid on [-12, 12]^2, [N, 1, 2], and the area of a cell.
std::pair<Tensor, double> plane() {
  Tensor side = at::arange(-12, 12, 0.08, at::kDouble);
  int64_t n = side.size(0);
  Tensor a = side.view({n, 1}).expand({n, n}), b = side.view({1, n}).expand({n, n});
  return {at::stack({a, b}, -1).view({n * n, 1, 2}), 0.08 * 0.08};
}

class PosteriorContract : public ::testing::TestWithParam<Part> {
 protected:
  std::shared_ptr<Posterior> make(int64_t latent) { return posteriors().make(GetParam(), latent); }
  Tensor parameters(const Posterior& posterior, double scale = 0.5) {
    return normal(rng, {2, posterior.params()}, at::kDouble) * scale;
  }
  Rng rng{2, "posterior"};
};

TEST_P(PosteriorContract, TakesItsNumberOfParameters) {
  for (int64_t latent : {1, 2, 7}) {
    auto posterior = make(latent);
    auto q = posterior->given(parameters(*posterior));
    EXPECT_EQ(q->mean().sizes(), at::IntArrayRef({2, latent}));
    EXPECT_EQ(q->variance().sizes(), at::IntArrayRef({2, latent}));
    EXPECT_EQ(q->sample(rng, 3).sizes(), at::IntArrayRef({3, 2, latent}));
  }
}

TEST_P(PosteriorContract, SampleMomentsMatchMeanAndCovariance) {
  auto posterior = make(3);
  auto q = posterior->given(parameters(*posterior));
  Tensor z = q->sample(rng, 40000), centred = z - q->mean();
  EXPECT_LT(standard_errors_off(z, q->mean()), 5);
  Tensor products = centred.unsqueeze(-1) * centred.unsqueeze(-2);
  EXPECT_LT(standard_errors_off(products, covariance(*q)), 5);
}

TEST_P(PosteriorContract, DrawsAreReparameterised) {
  auto posterior = make(3);
  Tensor at = parameters(*posterior), weight = normal(rng, {4, 2, 3}, at::kDouble);
  ASSERT_TRUE(posterior->given(at)->reparameterised());
  auto value = [&] {
    Rng same(3, "draw");
    return (posterior->given(at)->sample(same, 4).square() * weight).sum();
  };
  EXPECT_LT(gradient_error(value, at), 1e-7);
}

TEST_P(PosteriorContract, EveryParameterMovesTheDistribution) {
  auto posterior = make(3);
  Tensor at = parameters(*posterior).requires_grad_(true);
  posterior->given(at)->sample(rng, 4).square().sum().backward();
  EXPECT_TRUE((at.grad() != 0).all().item<bool>());
}

TEST_P(PosteriorContract, LogProbIntegratesToOne) {
  if (!has_density(GetParam().type)) return;
  auto posterior = make(2);
  auto [points, cell] = plane();
  Tensor mass = posterior->given(parameters(*posterior))->log_prob(points).exp().sum(0) * cell;
  EXPECT_LT(max_difference(mass, at::ones({2})), 1e-6);
}

TEST_P(PosteriorContract, LogProbMatchesTheClosedFormAndItsGradient) {
  if (!has_density(GetParam().type)) return;
  auto posterior = make(3);
  Tensor at = parameters(*posterior);
  auto q = posterior->given(at);
  Tensor z = q->sample(rng, 5), d = (z - q->mean()).unsqueeze(-1), s = covariance(*q);
  Tensor squared =
      at::matmul(d.transpose(-2, -1), at::matmul(s.inverse(), d)).squeeze(-1).squeeze(-1);
  Tensor log_det = at::logdet(2 * std::numbers::pi * s);
  EXPECT_LT(max_difference(q->log_prob(z), -0.5 * (squared + log_det)), 1e-10);
  auto value = [&] { return posterior->given(at)->log_prob(z).sum(); };
  EXPECT_LT(gradient_error(value, at), 1e-6);
}

TEST_P(PosteriorContract, EntropyIsMeanNegativeLogProb) {
  if (!has_density(GetParam().type)) return;
  auto posterior = make(3);
  auto q = posterior->given(parameters(*posterior));
  EXPECT_LT(standard_errors_off(-q->log_prob(q->sample(rng, 20000)), q->entropy()), 5);
}

TEST_P(PosteriorContract, ExtremesStayFinite) {
  auto posterior = make(3);
  for (double value : {-1000.0, 1000.0}) {
    Tensor at = at::full({2, posterior->params()}, value).requires_grad_(true);
    auto q = posterior->given(at);
    Tensor z = q->sample(rng, 3);
    z.sum().backward();
    EXPECT_TRUE(z.isfinite().all().item<bool>());
    EXPECT_TRUE(at.grad().isfinite().all().item<bool>());
    if (!has_density(GetParam().type)) continue;
    EXPECT_TRUE(q->entropy().isfinite().all().item<bool>());
  }
}

INSTANTIATE_TEST_SUITE_P(Every, PosteriorContract,
                         ::testing::ValuesIn(testing::variants(posteriors())));

TEST(FullPosterior, FactorIsLowerTriangularRowByRow) {
  auto posterior = posteriors().make("full", 3);
  ASSERT_EQ(posterior->params(), 9);
  Tensor at = at::arange(1, 10, at::kDouble).view({1, 9}) / 10;
  auto q = posterior->given(at);
  Tensor l = dynamic_cast<const FullNormal&>(*q).cholesky()[0];
  Tensor expected =
      at::tensor({std::exp(0.2), 0.0, 0.0, 0.7, std::exp(0.25), 0.0, 0.8, 0.9, std::exp(0.3)},
                 at::kDouble)
          .view({3, 3});
  EXPECT_LT(max_difference(l, expected), 1e-12);
}

class PriorContract : public ::testing::TestWithParam<Part> {};

TEST_P(PriorContract, IsADistributionOverZ) {
  Rng rng(4, "prior");
  auto prior = priors().make(GetParam(), 2);
  prior->to(at::kDouble);
  prior->start_from(normal(rng, {8, 3}, at::kDouble), rng);
  EncodeFn encode = [](const Tensor& x) {
    return std::make_unique<DiagonalNormal>(x.narrow(1, 0, 2),
                                            at::zeros({x.size(0), 2}, x.options()));
  };
  auto p = prior->given(encode, at::kDouble);
  auto [points, cell] = plane();
  EXPECT_NEAR((p->log_prob(points).exp().sum() * cell).item<double>(), 1, 1e-6);
  Tensor z = p->sample(rng, 20000);
  EXPECT_EQ(z.sizes(), at::IntArrayRef({20000, 2}));
  EXPECT_EQ(z.scalar_type(), at::kDouble);
  EXPECT_LT(standard_errors_off(z, p->mean()), 5);
  EXPECT_LT(standard_errors_off((z - p->mean()).square(), p->variance()), 5);
}

INSTANTIATE_TEST_SUITE_P(Every, PriorContract, ::testing::ValuesIn(testing::variants(priors())));

}  // namespace
}  // namespace elbo
