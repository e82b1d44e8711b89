// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/kl.h"

#include <gtest/gtest.h>

#include "elbo/prob/bernoulli.h"
#include "elbo/prob/normal.h"
#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::error_of;
using testing::gradient_error;
using testing::max_difference;
using testing::standard_errors_off;

using Ptr = std::shared_ptr<Distribution>;

constexpr int64_t kLatent = 3;

Tensor draw(Rng& rng, std::vector<int64_t> shape) { return 0.5 * normal(rng, shape, at::kDouble); }

/// [.., Z, Z] lower triangular with a positive diagonal from any square matrices.
Tensor factor(const Tensor& square) {
  return square.tril(-1) + square.diagonal(0, -2, -1).exp().diag_embed();
}

/// One of each kind of normal, with a batch of two and, for p, without.
std::vector<Ptr> normals(Rng& rng, bool batched) {
  std::vector<int64_t> shape =
      batched ? std::vector<int64_t>{2, kLatent} : std::vector<int64_t>{kLatent};
  std::vector<int64_t> square = shape;
  square.push_back(kLatent);
  return {std::make_shared<StandardNormal>(kLatent, at::kDouble),
          std::make_shared<DiagonalNormal>(draw(rng, shape), draw(rng, shape)),
          std::make_shared<FullNormal>(draw(rng, shape), factor(draw(rng, square)))};
}

TEST(Kl, EveryPairOfNormalsMatchesMonteCarlo) {
  Rng rng(5, "kl");
  for (bool batched : {true, false}) {
    for (const Ptr& q : normals(rng, true)) {
      for (const Ptr& p : normals(rng, batched)) {
        ASSERT_TRUE(has_kl(*q, *p));
        Tensor z = q->sample(rng, 20000);
        if (z.dim() == 2) z = z.unsqueeze(1);  // [n, 1, Z] meets a batch
        Tensor ratio = q->log_prob(z) - p->log_prob(z), exact = kl(*q, *p);
        EXPECT_LT(standard_errors_off(ratio, exact.view_as(ratio[0])), 5)
            << q->name() << " || " << p->name();
        EXPECT_TRUE((exact >= -1e-12).all().item<bool>());
      }
    }
  }
}

TEST(Kl, OfAnyNormalToItselfIsZero) {
  Rng rng(6, "kl");
  for (const Ptr& q : normals(rng, true)) {
    Tensor zero = kl(*q, *q);
    EXPECT_LT(max_difference(zero, at::zeros_like(zero)), 1e-12) << q->name();
    Tensor parts = kl_per_dimension(*q, *q);
    EXPECT_LT(max_difference(parts, at::zeros_like(parts)), 1e-12) << q->name();
  }
}

TEST(Kl, DiagonalEqualsFullWithADiagonalFactor) {
  Rng rng(7, "kl");
  Tensor mu = draw(rng, {2, kLatent}), log_var = draw(rng, {2, kLatent});
  DiagonalNormal diagonal(mu, log_var);
  FullNormal full(mu, (0.5 * log_var).exp().diag_embed());
  for (const Ptr& p : normals(rng, false)) {
    EXPECT_LT(max_difference(kl(diagonal, *p), kl(full, *p)), 1e-12) << p->name();
    EXPECT_LT(max_difference(kl(*p, diagonal), kl(*p, full)), 1e-12) << p->name();
    EXPECT_LT(max_difference(kl_per_dimension(diagonal, *p), kl_per_dimension(full, *p)), 1e-12);
  }
}

TEST(Kl, DimensionsAddUpWhereBothAreDiagonal) {
  Rng rng(8, "kl");
  DiagonalNormal q(draw(rng, {2, kLatent}), draw(rng, {2, kLatent}));
  for (const Ptr& p : normals(rng, false)) {
    Tensor sum = kl_per_dimension(q, *p).sum(-1);
    if (p->name() == "full-covariance normal") {
      EXPECT_GT(max_difference(sum, kl(q, *p)), 1e-3);
    } else {
      EXPECT_LT(max_difference(sum, kl(q, *p)), 1e-12) << p->name();
    }
  }
}

TEST(Kl, DimensionsAreThoseOfTheMarginals) {
  Rng rng(9, "kl");
  FullNormal q(draw(rng, {2, kLatent}), factor(draw(rng, {2, kLatent, kLatent})));
  FullNormal p(draw(rng, {kLatent}), factor(draw(rng, {kLatent, kLatent})));
  Tensor parts = kl_per_dimension(q, p);
  for (int64_t j = 0; j < kLatent; ++j) {
    auto marginal = [&](const FullNormal& d) {
      return DiagonalNormal(d.mean().narrow(-1, j, 1), d.variance().narrow(-1, j, 1).log());
    };
    EXPECT_LT(max_difference(parts.select(-1, j), kl(marginal(q), marginal(p))), 1e-12);
  }
}

TEST(Kl, SumsOverImagesToo) {
  Rng rng(10, "kl");
  Tensor mu = draw(rng, {2, 2, 3, 4}), log_var = draw(rng, {2, 2, 3, 4});
  Tensor m = draw(rng, {2, 3, 4}), s = draw(rng, {2, 3, 4});
  Tensor image = kl(DiagonalNormal(mu, log_var, 3), DiagonalNormal(m, s, 3));
  Tensor flat = kl(DiagonalNormal(mu.flatten(1), log_var.flatten(1)),
                   DiagonalNormal(m.flatten(), s.flatten()));
  EXPECT_LT(max_difference(image, flat), 1e-12);
}

TEST(Kl, GradientMatchesCentralDifferences) {
  Rng rng(11, "kl");
  Tensor mu = draw(rng, {2, kLatent}), log_var = draw(rng, {2, kLatent});
  Tensor square = draw(rng, {2, kLatent, kLatent});
  for (const Ptr& p : normals(rng, false)) {
    auto diagonal = [&] { return kl(DiagonalNormal(mu, log_var), *p).sum(); };
    auto full = [&] { return kl(FullNormal(mu, factor(square)), *p).sum(); };
    for (Tensor& leaf : std::vector<Tensor>{mu, log_var})
      EXPECT_LT(gradient_error(diagonal, leaf), 1e-7);
    for (Tensor& leaf : std::vector<Tensor>{mu, square})
      EXPECT_LT(gradient_error(full, leaf), 1e-7);
  }
}

TEST(Kl, KnownValues) {
  // KL(N(1, 4) || N(0, 1)) = 1/2 (1 + 4 - 1 - log 4); KL(N(0,1) || N(1, 4)) = 1/2 (2/4 - 1 + log 4)
  auto one = [](double v) { return at::full({1}, v, at::kDouble); };
  DiagonalNormal wide(one(1), one(std::log(4.0)));
  StandardNormal standard(1, at::kDouble);
  EXPECT_NEAR(kl(wide, standard).item<double>(), 2 - std::log(2.0), 1e-12);
  EXPECT_NEAR(kl(standard, wide).item<double>(), std::log(2.0) - 0.25, 1e-12);
}

TEST(Kl, NamesBothWhereThereIsNoClosedForm) {
  StandardNormal normal(2);
  PointMass point(at::zeros({2}));
  Bernoulli bernoulli(at::zeros({2}));
  DiagonalNormal image(at::zeros({1, 1, 2}), at::zeros({1, 1, 2}), 3);
  EXPECT_EQ(error_of([&] { kl(point, normal); }),
            "usage: KL(point || standard normal) has no closed form");
  EXPECT_EQ(error_of([&] { kl(normal, point); }),
            "usage: KL(standard normal || point) has no closed form");
  EXPECT_EQ(error_of([&] { kl(bernoulli, normal); }),
            "usage: KL(bernoulli || standard normal) has no closed form");
  EXPECT_EQ(error_of([&] { kl(image, normal); }),
            "usage: KL(diagonal normal || standard normal) has no closed form");
  EXPECT_EQ(error_of([&] { kl_per_dimension(point, normal); }),
            "usage: the KL of each dimension of (point || standard normal) has no closed form");
}

}  // namespace
}  // namespace elbo
