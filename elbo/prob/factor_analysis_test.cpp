// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/factor_analysis.h"

#include <gtest/gtest.h>

#include <cmath>

#include "elbo/core/error.h"
#include "elbo/prob/normal.h"
#include "elbo/tensor/random.h"
#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::max_difference;

/// N rows of a linear model with D elements and Z factors, noise of its own for each element.
struct Problem {
  Problem(int64_t n, int64_t d, int64_t z, bool shared = false) {
    Rng rng(1, "factors");
    mean = normal(rng, {d}, at::kDouble);
    loadings = normal(rng, {d, z}, at::kDouble);
    noise = shared ? at::full({d}, 0.3, at::kDouble) : 0.1 + uniform(rng, {d}, at::kDouble);
    x = mean + normal(rng, {n, z}, at::kDouble).mm(loadings.t()) +
        normal(rng, {n, d}, at::kDouble) * noise.sqrt();
  }
  Tensor covariance() const { return loadings.mm(loadings.t()) + noise.diag(); }
  Tensor mean, loadings, noise, x;
};

Tensor covariance_of(const FactorAnalysis& f) {
  return f.loadings.mm(f.loadings.t()) + f.noise.diag();
}

FactorAnalysis fit(const Tensor& x, int64_t latent, NoiseForm form, const Tensor& mask = {}) {
  return fit_factor_analysis(x, mask, {.latent = latent, .form = form}, Rng(2, "fit"));
}

double mean_log_prob(const FactorAnalysis& f, const Tensor& x, const Tensor& mask = {}) {
  return f.log_prob(x, mask).mean().item<double>();
}

TEST(FactorAnalysis, DensityIsThatOfTheNormalWithItsCovariance) {
  Problem p(50, 7, 3);
  FactorAnalysis f = fit(p.x, 3, NoiseForm::per_element);
  FullNormal normal(f.mean, at::linalg_cholesky(covariance_of(f)));
  EXPECT_LT(max_difference(f.log_prob(p.x), normal.log_prob(p.x)), 1e-9);
}

TEST(FactorAnalysis, DensityOfTheObservedIsTheMarginal) {
  Problem p(40, 6, 2);
  FactorAnalysis f = fit(p.x, 2, NoiseForm::per_element);
  Rng rng(3, "mask");
  Tensor mask = (uniform(rng, {40, 6}, at::kDouble) < 0.6).to(at::kDouble);
  Tensor found = f.log_prob(p.x * mask, mask), covariance = covariance_of(f);
  for (int64_t r = 0; r < 40; ++r) {
    Tensor seen = mask[r].nonzero().flatten();
    if (seen.numel() == 0) {
      EXPECT_NEAR(found[r].item<double>(), 0, 1e-12);
      continue;
    }
    Tensor part = covariance.index_select(0, seen).index_select(1, seen);
    FullNormal marginal(f.mean.index_select(0, seen), at::linalg_cholesky(part));
    double expected = marginal.log_prob(p.x[r].index_select(0, seen)).item<double>();
    EXPECT_NEAR(found[r].item<double>(), expected, 1e-9) << r;
  }
}

TEST(FactorAnalysis, FindsTheModelThatMadeTheData) {
  Problem p(100000, 8, 2);
  FactorAnalysis f = fit(p.x, 2, NoiseForm::per_element);
  EXPECT_LT(max_difference(covariance_of(f), p.covariance()), 0.12);
  EXPECT_LT(max_difference(f.noise, p.noise), 0.05);
  EXPECT_LT(max_difference(f.mean, p.mean), 0.05);
}

// The gradient of the likelihood vanishes at its greatest: nothing near it is better.
TEST(FactorAnalysis, NothingNearbyIsMoreLikely) {
  Problem p(500, 6, 2);
  Rng rng(4, "nearby");
  for (NoiseForm form : {NoiseForm::per_element, NoiseForm::shared, NoiseForm::fixed}) {
    FactorAnalysis best = fit(p.x, 2, form);
    double here = mean_log_prob(best, p.x);
    for (int i = 0; i < 50; ++i) {
      FactorAnalysis near = best;
      near.loadings = best.loadings + 0.02 * normal(rng, {6, 2}, at::kDouble);
      near.mean = best.mean + 0.02 * normal(rng, {6}, at::kDouble);
      Tensor factor = (0.03 * normal(rng, {6}, at::kDouble)).exp();
      if (form == NoiseForm::per_element) near.noise = best.noise * factor;
      if (form == NoiseForm::shared) near.noise = best.noise * factor[0];
      EXPECT_LT(mean_log_prob(near, p.x), here + 1e-9) << i;
    }
  }
}

TEST(FactorAnalysis, PrincipalComponentsAreThoseOfTheCovariance) {
  Problem p(400, 9, 3, /*shared=*/true);
  FactorAnalysis f = fit(p.x, 3, NoiseForm::shared);
  Tensor centred = p.x - p.x.mean(0);
  auto [values, vectors] = at::linalg_eigh(centred.t().mm(centred) / 400);
  EXPECT_NEAR(f.noise[0].item<double>(), values.narrow(0, 0, 6).mean().item<double>(), 1e-9);
  Tensor expected = vectors.narrow(1, 6, 3) * (values.narrow(0, 6, 3) - f.noise[0]).sqrt();
  EXPECT_LT(max_difference(f.loadings.mm(f.loadings.t()), expected.mm(expected.t())), 1e-9);
}

// Wider than the limit below which all eigenvectors are found, with fewer rows than columns and
// with more.
TEST(FactorAnalysis, ManyColumnsAreFoundBySubspaces) {
  for (int64_t rows : {200, 900}) {
    Problem p(rows, 700, 4, /*shared=*/true);
    FactorAnalysis f = fit(p.x, 4, NoiseForm::shared);
    Tensor centred = p.x - p.x.mean(0), gram = centred.mm(centred.t()) / double(rows);
    Tensor values = std::get<0>(at::linalg_eigh(gram)).flip(0).narrow(0, 0, 4);
    Tensor found = f.loadings.square().sum(0) + f.noise[0];
    EXPECT_LT(max_difference(found / values, at::ones_like(values)), 1e-6) << rows;
  }
}

TEST(FactorAnalysis, NoiseOfItsOwnForEachOfManyColumns) {
  Problem p(900, 600, 3);
  FactorAnalysis f = fit(p.x, 3, NoiseForm::per_element);
  EXPECT_GT(mean_log_prob(f, p.x), mean_log_prob(fit(p.x, 3, NoiseForm::shared), p.x));
  EXPECT_LT(max_difference(f.noise, p.noise), 0.3);
}

TEST(FactorAnalysis, PosteriorIsDiagonalAndItsMeanIsLinear) {
  Problem p(300, 7, 3);
  FactorAnalysis f = fit(p.x, 3, NoiseForm::per_element);
  Tensor precision = f.loadings.t().mm(f.loadings / f.noise.unsqueeze(1));
  EXPECT_LT(max_difference(precision, precision.diagonal().diag()), 1e-6);
  EXPECT_LT(max_difference(f.posterior_mean(p.x), (p.x - f.mean).mm(f.encoder().t())), 1e-6);
  Tensor covariance = at::linalg_inv(precision + at::eye(3, at::kDouble));
  EXPECT_LT(max_difference(f.posterior_variance(), covariance.diagonal()), 1e-6);
}

TEST(FactorAnalysis, WithoutFactorsElementsAreIndependent) {
  Problem p(200, 5, 2);
  FactorAnalysis f = fit(p.x, 0, NoiseForm::per_element);
  DiagonalNormal independent(p.x.mean(0), p.x.var(0, /*unbiased=*/false).log(), 1);
  EXPECT_LT(max_difference(f.log_prob(p.x), independent.log_prob(p.x)), 1e-9);
  EXPECT_EQ(f.posterior_mean(p.x).size(1), 0);
}

// What is hidden by chance must not move the model: EM finds the same as from all that there is.
TEST(FactorAnalysis, MissingElementsMoveLittle) {
  Problem p(20000, 6, 2);
  Rng rng(5, "mask");
  Tensor mask = (uniform(rng, p.x.sizes(), at::kDouble) < 0.7).to(at::kDouble);
  FactorAnalysis f = fit(p.x * mask, 2, NoiseForm::per_element, mask);
  EXPECT_LT(max_difference(covariance_of(f), p.covariance()), 0.25);
  EXPECT_LT(max_difference(f.mean, p.mean), 0.06);
  FactorAnalysis filled = fit(p.x.where(mask > 0, p.mean), 2, NoiseForm::per_element);
  EXPECT_GT(mean_log_prob(f, p.x * mask, mask), mean_log_prob(filled, p.x * mask, mask) + 0.05);
}

TEST(FactorAnalysis, OddData) {
  Problem p(30, 5, 2);
  Tensor constant = p.x.clone();
  constant.select(1, 2).fill_(4);
  Tensor copied = at::cat({p.x, p.x}, 1), one = p.x.narrow(0, 0, 1);
  for (const Tensor& x : {constant, copied, one}) {
    for (NoiseForm form : {NoiseForm::per_element, NoiseForm::shared, NoiseForm::fixed}) {
      FactorAnalysis f = fit(x, 4, form);
      EXPECT_TRUE(f.log_prob(x).isfinite().all().item<bool>());
      EXPECT_TRUE(f.loadings.isfinite().all().item<bool>());
      EXPECT_GE(f.noise.min().item<double>(), 1e-6);
    }
  }
  EXPECT_THROW(fit(p.x.narrow(0, 0, 0), 2, NoiseForm::shared), Error);
}

TEST(FullGaussian, IsTheNormalOfTheCovariance) {
  Problem p(100, 4, 2);
  FullGaussian g = fit_full_gaussian(p.x, 0);
  Tensor centred = p.x - p.x.mean(0);
  FullNormal normal(p.x.mean(0), at::linalg_cholesky(centred.t().mm(centred) / 100));
  EXPECT_LT(max_difference(g.log_prob(p.x), normal.log_prob(p.x)), 1e-9);
  EXPECT_GT(g.log_prob(p.x).mean().item<double>(),
            fit(p.x, 2, NoiseForm::per_element).log_prob(p.x).mean().item<double>());
}

}  // namespace
}  // namespace elbo
