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

/// z, KL from N(0, I), log q and the parameters' gradient of their weighted sum, in f64.
std::vector<Tensor> draw(const Posterior& posterior, const Tensor& at, int64_t k, bool density) {
  Tensor leaf = at.detach().clone().requires_grad_(true);
  RowNoise noise(Rng(3, "noise"), {}, at.size(0));
  PosteriorDraws drawn = posterior.draw(leaf, noise, k);
  std::vector<Tensor> found = {drawn.z};
  if (drawn.kl_normal.defined()) found.push_back(drawn.kl_normal);
  if (density) found.push_back(drawn.log_q());
  Rng rng(4, "weights");
  Tensor loss = at::zeros({}, at::kDouble);
  for (const Tensor& t : found) {
    loss = loss + (t * normal(rng, t.sizes()).to(t.scalar_type())).sum();
  }
  loss.backward();
  found.push_back(leaf.grad());
  for (Tensor& t : found) t = t.detach().to(at::kDouble);
  return found;
}

// In f32 the kernels draw, in f64 LibTorch's operators.
TEST_P(PosteriorContract, KernelsDrawAsOperatorsDo) {
  for (int64_t latent : {1, 3, 20}) {
    for (int64_t k : {1, 2, 7}) {
      auto posterior = make(latent);
      Tensor at = normal(rng, {5, posterior->params()}) * 0.5;
      bool density = has_density(GetParam().type);
      auto kernels = draw(*posterior, at, k, density);
      auto operators = draw(*posterior, at.to(at::kDouble), k, density);
      ASSERT_EQ(kernels.size(), operators.size());
      for (size_t i = 0; i < kernels.size(); ++i) {
        ASSERT_EQ(kernels[i].sizes(), operators[i].sizes());
        double norm = operators[i].norm().item<double>();
        EXPECT_LT((kernels[i] - operators[i]).norm().item<double>(), 3e-6 * norm)
            << i << " of latent " << latent << ", " << k << " draws";
      }
    }
  }
}

TEST_P(PosteriorContract, KernelsGradientIsTheSlopeByCentralDifferences) {
  auto posterior = make(3);
  bool density = has_density(GetParam().type);
  Tensor at = normal(rng, {2, posterior->params()}) * 0.5, exact = at.to(at::kDouble);
  Tensor slope = at::empty_like(exact);
  auto value = [&](const Tensor& where) {
    RowNoise noise(Rng(3, "noise"), {}, 2);
    PosteriorDraws drawn = posterior->draw(where, noise, 2);
    Tensor out = drawn.z.tanh().sum();
    if (drawn.kl_normal.defined()) out = out + drawn.kl_normal.square().sum();
    return density ? out + drawn.log_q().sum() : out;
  };
  for (int64_t i = 0; i < exact.numel(); ++i) {
    const double h = 1e-5;
    Tensor up = exact.clone(), down = exact.clone();
    up.view({-1})[i] += h, down.view({-1})[i] -= h;
    slope.view({-1})[i] = (value(up) - value(down)) / (2 * h);
  }
  Tensor leaf = at.clone().requires_grad_(true);
  value(leaf).backward();
  EXPECT_LT(max_difference(leaf.grad(), slope), 1e-4 * (1 + slope.abs().max().item<double>()));
}

TEST_P(PosteriorContract, LogDensityAlongTheDrawsIsThatOfQ) {
  if (!has_density(GetParam().type)) {
    auto posterior = make(3);
    RowNoise noise(Rng(3, "noise"), {}, 2);
    Tensor at = normal(rng, {2, posterior->params()});
    EXPECT_NE(testing::error_of([&] { posterior->draw(at, noise, 1).log_q(); }).find("no density"),
              std::string::npos);
    return;
  }
  auto posterior = make(4);
  Tensor at = normal(rng, {3, posterior->params()}) * 0.5;
  RowNoise noise(Rng(3, "noise"), {}, 3);
  PosteriorDraws drawn = posterior->draw(at, noise, 6);
  auto q = posterior->given(at.to(at::kDouble));
  EXPECT_LT(max_difference(drawn.log_q(), q->log_prob(drawn.z.to(at::kDouble))), 1e-4);
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
  auto prior = priors().make(GetParam(), {2, {3}});
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
