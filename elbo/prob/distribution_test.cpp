// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/distribution.h"

#include <gtest/gtest.h>

#include <cmath>

#include "elbo/prob/bernoulli.h"
#include "elbo/prob/normal.h"
#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::error_of;
using testing::max_difference;

Tensor one(double v) { return at::full({1}, v, at::kDouble); }

TEST(Bernoulli, TableOfValues) {
  struct Row {
    double logit, x, log_p;
  };
  // log p = x l - log(1 + e^l)
  for (auto [logit, x, log_p] : {Row{0, 1, -0.6931471805599453}, Row{0, 0, -0.6931471805599453},
                                 Row{2, 0, -2.1269280110429727}, Row{2, 1, -0.1269280110429727},
                                 Row{1, 0.25, -1.0632616875182228}, Row{100, 0, -100.0},
                                 Row{-100, 1, -100.0}, Row{100, 1, 0.0}, Row{-100, 0, 0.0}}) {
    EXPECT_NEAR(Bernoulli(one(logit)).log_prob(one(x)).item<double>(), log_p, 1e-12)
        << logit << ' ' << x;
  }
}

TEST(DiagonalNormal, TableOfValues) {
  struct Row {
    double mu, log_var, x, log_p;
  };
  // log p = -1/2 (log 2 pi + log_var + (x - mu)^2 / e^log_var)
  for (auto [mu, log_var, x, log_p] :
       {Row{0, 0, 0, -0.9189385332046727}, Row{0, 0, 2, -2.9189385332046727},
        Row{0, std::log(4.0), 1, -1.7370857137646180},
        Row{3, std::log(0.25), 2, -2.2257913526447273}, Row{-1, 20, 1e4, -11.022016826893401}}) {
    EXPECT_NEAR(DiagonalNormal(one(mu), one(log_var)).log_prob(one(x)).item<double>(), log_p, 1e-9)
        << mu << ' ' << log_var << ' ' << x;
  }
}

TEST(FullNormal, ValueByHand) {
  Tensor l = at::tensor({1.0, 0.0, 0.5, 2.0}, at::kDouble).view({2, 2});
  FullNormal p(at::zeros({2}, at::kDouble), l);
  // L^-1 (1, 1) = (1, 1/4): -1/2 (17/16 + 2 log 2 pi) - log 2
  EXPECT_NEAR(p.log_prob(at::ones({2}, at::kDouble)).item<double>(), -3.0622742469692909, 1e-12);
  EXPECT_NEAR(p.variance()[1].item<double>(), 4.25, 1e-12);
}

TEST(Distribution, DrawsHaveGradientExactlyWhereReparameterised) {
  Rng rng(1, "draws");
  Tensor at = normal(rng, {2, 3}).requires_grad_(true);
  std::unique_ptr<Distribution> all[] = {
      std::make_unique<Bernoulli>(at), std::make_unique<DiagonalNormal>(at, at),
      std::make_unique<FullNormal>(at, at.exp().diag_embed()), std::make_unique<PointMass>(at)};
  for (const auto& d : all) {
    EXPECT_EQ(d->sample(rng, 4).requires_grad(), d->reparameterised()) << d->name();
    EXPECT_EQ(d->sample(rng, 4).sizes(), at::IntArrayRef({4, 2, 3})) << d->name();
  }
}

TEST(Distribution, SaysWhatItCannotDo) {
  Tensor zero = at::zeros({2}), mask = at::ones({2});
  FullNormal full(zero, at::eye(2));
  EXPECT_EQ(error_of([&] { full.log_prob(zero, mask); }),
            "usage: the full-covariance normal distribution cannot mask single elements");
  PointMass point(zero);
  EXPECT_EQ(error_of([&] { point.entropy(); }),
            "usage: the point distribution has no closed form for its entropy");
  EXPECT_EQ(
      error_of([&] { point.log_prob(zero); }),
      "usage: a point posterior has no density: importance-weighted bounds and KL do not exist "
      "for a plain autoencoder\nUse posterior = \"diagonal\" for a VAE.");
}

}  // namespace
}  // namespace elbo
