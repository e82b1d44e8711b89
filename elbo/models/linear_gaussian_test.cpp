// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "elbo/models/model.h"
#include "elbo/prob/normal.h"
#include "elbo/tensor/testing.h"

// A VAE whose truth is known: z ~ N(0, I), x = W z + b + s e. Then p(x) = N(b, W W^T + s^2 I), and
// p(z|x) = N(S W^T (x - b) / s^2, S) with S = P^-1, P = I + W^T W / s^2: a linear encoder can say
// it exactly (Tipping & Bishop 1999). PROTOCOLS.md, row A1.
namespace elbo {
namespace {

using testing::max_difference;
using testing::standard_errors_off;

constexpr int64_t kLatent = 5, kData = 20;
constexpr double kScale = 0.5;

struct Truth {
  Tensor w, b, precision;  ///< [D, Z], [D], [Z, Z]

  explicit Truth(Rng& rng) {
    w = normal(rng, {kData, kLatent}, at::kDouble) * 0.4;
    w.select(1, 1).add_(w.select(1, 0));  // neighbours alike: the posterior is correlated
    b = normal(rng, {kData}, at::kDouble);
    precision = at::eye(kLatent, at::kDouble) + at::matmul(w.t(), w) / (kScale * kScale);
  }
  Tensor draw(Rng& rng, int64_t n) const {
    Tensor z = normal(rng, {n, kLatent}, at::kDouble);
    return at::matmul(z, w.t()) + b + kScale * normal(rng, {n, kData}, at::kDouble);
  }
  Tensor log_px(const Tensor& x) const {
    Tensor covariance = at::matmul(w, w.t()) + kScale * kScale * at::eye(kData, at::kDouble);
    Tensor d = x - b, squared = (at::matmul(d, covariance.inverse()) * d).sum(-1);
    return -0.5 * (squared + at::logdet(2 * std::numbers::pi * covariance));
  }
  /// What the best q with independent dimensions loses: q_j has variance 1 / P_jj and
  /// KL(q || p(z|x)) = 1/2 (sum_j log P_jj - log det P).
  double mean_field_gap() const {
    return 0.5 * (precision.diagonal().log().sum() - at::logdet(precision)).item<double>();
  }
};

/// The linear VAE with its decoder at the truth and the encoder at the given posterior: mean exact,
/// log_var_and_below what follows the mean in the encoder's output.
std::shared_ptr<Model> make_linear(const Truth& truth, const Part& posterior,
                                   const Tensor& log_var_and_below) {
  ModelOptions o;
  o.latent = kLatent;
  o.encoder = Part("mlp", parse_toml("sizes = []", "test"));
  o.posterior = posterior;
  o.likelihood = Part("gaussian", parse_toml("scale = 'fixed'\nvalue = 0.5", "test"));
  Rng rng(1, "weights");
  auto model = make_model(o, testing::table_schema(kData), rng);
  model->to(at::kDouble);
  at::NoGradGuard no_grad;
  auto p = model->named_parameters();
  p["decoder.output.weight"].copy_(truth.w);
  p["decoder.output.bias"].copy_(truth.b);
  Tensor to_mean = at::matmul(truth.precision.inverse(), truth.w.t()) / (kScale * kScale);
  p["encoder.output.weight"].zero_();
  p["encoder.output.weight"].narrow(0, 0, kLatent).copy_(to_mean);
  p["encoder.output.bias"].copy_(at::cat({-at::matmul(to_mean, truth.b), log_var_and_below}));
  return model;
}

/// The exact posterior, its standard deviations multiplied by `widen`.
std::shared_ptr<Model> make_full(const Truth& truth, double widen = 1) {
  Tensor l = at::linalg_cholesky(truth.precision.inverse()) * widen;
  std::vector<Tensor> below;
  for (int64_t i = 1; i < kLatent; ++i) below.push_back(l[i].narrow(0, 0, i));
  return make_linear(truth, "full", at::cat({2 * l.diagonal().log(), at::cat(below)}));
}

std::shared_ptr<Model> make_mean_field(const Truth& truth) {
  return make_linear(truth, "diagonal", -truth.precision.diagonal().log());
}

/// [B] the ELBO without sampling noise: log p(x|z) is quadratic in z, so its mean under q is its
/// mean over mu +- sqrt(Z) times each column of the factor of the covariance.
Tensor exact_elbo(Model& model, const Batch& batch) {
  Rng rng(2, "unused");
  auto q = model.encode(batch, rng)[0].q;
  auto full = dynamic_cast<const FullNormal*>(q.get());
  Tensor l = full ? full->cholesky() : q->variance().sqrt().diag_embed();
  Tensor steps = std::sqrt(double{kLatent}) * l.permute({2, 0, 1});  // [Z, B, Z]
  Tensor z = q->mean() + at::cat({steps, -steps});
  Tensor log_px = model.decode({z}, rng)->log_prob(batch.x).mean(0);
  return log_px - kl_of(model.pass(batch, rng, {}).latents[0]);
}

Tensor log_weights(Model& model, const Batch& batch, Rng& rng, int64_t k) {
  Pass pass = model.pass(batch, rng, {.samples = k, .densities = true});
  return pass.log_px + pass.latents[0].log_p - pass.latents[0].log_q;
}

class LinearGaussian : public ::testing::Test {
 protected:
  void draw(int64_t n) { batch.x = truth.draw(rng, n); }
  at::NoGradGuard no_grad;
  Rng rng{1, "linear-gaussian"};
  Truth truth{rng};
  Batch batch;
};

TEST_F(LinearGaussian, ElboOfTheExactPosteriorIsLogPx) {
  draw(50);
  auto model = make_full(truth);
  EXPECT_LT(max_difference(exact_elbo(*model, batch), truth.log_px(batch.x)), 1e-9);
}

TEST_F(LinearGaussian, SinglePrecisionLosesLessThanAThousandth) {
  draw(50);
  auto model = make_full(truth);
  Tensor log_px = truth.log_px(batch.x);
  model->to(at::kFloat);
  batch.x = batch.x.to(at::kFloat);
  EXPECT_LT(max_difference(exact_elbo(*model, batch), log_px), 1e-3);
  EXPECT_LT(std::abs((exact_elbo(*model, batch) - log_px).mean().item<double>()), 1e-4);
}

TEST_F(LinearGaussian, EveryDrawOfTheExactPosteriorWeighsPx) {
  draw(20);
  auto model = make_full(truth);
  Tensor log_px = truth.log_px(batch.x);
  Tensor log_w = log_weights(*model, batch, rng, 7);
  EXPECT_LT(max_difference(log_w, log_px.expand({7, 20})), 1e-9);
  EXPECT_LT(max_difference(log_w.logsumexp(0) - std::log(7.0), log_px), 1e-9);
}

TEST_F(LinearGaussian, SampledElboIsUnbiased) {
  draw(4);
  for (const auto& model : {make_full(truth), make_full(truth, 1.5), make_mean_field(truth)}) {
    Pass pass = model->pass(batch, rng, {.samples = 5000});
    Tensor elbo = pass.log_px - kl_of(pass.latents[0]);
    EXPECT_LT(standard_errors_off(elbo, exact_elbo(*model, batch)), 5);
  }
}

TEST_F(LinearGaussian, BestIndependentPosteriorMissesByItsKnownGap) {
  draw(50);
  double gap = truth.mean_field_gap();
  ASSERT_GT(gap, 0.5) << "the truth must be correlated";
  Tensor log_px = truth.log_px(batch.x);
  auto model = make_mean_field(truth);
  EXPECT_LT(max_difference(log_px - exact_elbo(*model, batch), at::full({50}, gap, at::kDouble)),
            1e-9);
  // No other independent posterior does better.
  auto bias = model->named_parameters()["encoder.output.bias"];
  for (int64_t j = kLatent; j < 2 * kLatent; ++j) {
    for (double step : {-0.1, 0.1}) {
      bias[j] += step;
      EXPECT_GT((log_px - exact_elbo(*model, batch)).mean().item<double>(), gap + 1e-4);
      bias[j] -= step;
    }
  }
}

/// Adam (Kingma & Ba 2015) on the encoder alone, down the sampled -ELBO of fresh data; the rate
/// falls to 0.
void learn_encoder(Model& model, const Truth& truth, Rng& rng) {
  constexpr int kSteps = 3000;
  constexpr double kRate = 0.15;
  auto named = model.named_parameters();
  std::vector<Tensor> params = {named["encoder.output.weight"], named["encoder.output.bias"]};
  std::vector<Tensor> mean, square, steps;
  for (Tensor& p : params) {
    p.copy_(0.1 * normal(rng, p.sizes(), at::kDouble));
    mean.push_back(at::zeros_like(p));
    square.push_back(at::zeros_like(p));
    steps.push_back(at::zeros({}));
  }
  for (int i = 0; i < kSteps; ++i) {
    Batch batch;
    batch.x = truth.draw(rng, 256);
    std::vector<Tensor> gradients;
    {
      at::AutoGradMode enabled(true);
      Pass pass = model.pass(batch, rng, {.samples = 2});
      Tensor loss = (kl_of(pass.latents[0]) - pass.log_px.mean(0)).mean();
      for (Tensor& t : params) t.mutable_grad().reset();
      loss.backward({}, std::nullopt, false, params);
      for (Tensor& t : params) gradients.push_back(t.grad());
    }
    for (Tensor& t : steps) t.add_(1);
    double left = 1 - static_cast<double>(i) / kSteps, rate = kRate * left * left;
    at::_fused_adam_(params, gradients, mean, square, {}, steps, rate, 0.9, 0.999, 0, 1e-8,
                     /*amsgrad=*/false, /*maximize=*/false);
  }
}

TEST_F(LinearGaussian, LearnedFullPosteriorReachesLogPxAndADiagonalOneItsGap) {
  draw(200);
  Tensor log_px = truth.log_px(batch.x);
  auto missing = [&](const std::shared_ptr<Model>& model) {
    learn_encoder(*model, truth, rng);
    return (log_px - exact_elbo(*model, batch)).mean().item<double>();
  };
  double full = missing(make_full(truth)), diagonal = missing(make_mean_field(truth));
  EXPECT_GT(full, 0);
  EXPECT_LT(full, 0.01);
  EXPECT_GT(diagonal, truth.mean_field_gap());
  EXPECT_LT(diagonal, truth.mean_field_gap() + 0.01);
}

TEST_F(LinearGaussian, ImportanceBoundsRiseToLogPx) {
  draw(4000);
  auto model = make_full(truth, 1.2);
  Tensor log_w = log_weights(*model, batch, rng, 100) - truth.log_px(batch.x);  // E e^log_w = 1
  auto bound = [&](int64_t k) {
    return (log_w.view({100 / k, k, -1}).logsumexp(1) - std::log(static_cast<double>(k))).mean(0);
  };
  // On the same draws Jensen's inequality holds for every example.
  EXPECT_TRUE((bound(1) <= bound(10)).all().item<bool>());
  EXPECT_TRUE((bound(10) <= bound(100)).all().item<bool>());
  // The mean weight, known to be 1, as a control variate.
  Tensor excess = log_w.exp().mean(0) - 1;
  EXPECT_LT(standard_errors_off(excess, at::zeros({})), 5);
  double gap1 = (excess - bound(1)).mean().item<double>();
  double gap10 = (excess - bound(10)).mean().item<double>();
  double gap100 = (excess - bound(100)).mean().item<double>();
  // E log w = -KL(q || p(z|x)) = -(Z / 2) (1.2^2 - 1 - 2 log 1.2)
  EXPECT_NEAR(gap1, 0.5 * kLatent * (0.44 - 2 * std::log(1.2)), 0.01);
  EXPECT_GT(gap100, 0);
  EXPECT_NEAR(gap10 / gap100, 10, 1.5);
}

TEST_F(LinearGaussian, MaskedColumnsAreIntegratedOut) {
  draw(6);
  auto model = make_full(truth);
  batch.mask = (uniform(rng, {6, kData}) < 0.6).to(at::kDouble);
  Tensor x = batch.x;
  batch.x = x * batch.mask;
  Tensor z = normal(rng, {6, kLatent}, at::kDouble);
  Tensor error = (x - at::matmul(z, truth.w.t()) - truth.b) / kScale;
  Tensor element = -0.5 * (error.square() + std::log(2 * std::numbers::pi * kScale * kScale));
  Tensor log_px = model->decode({z}, rng)->log_prob(batch.x, batch.mask);
  EXPECT_LT(max_difference(log_px, (element * batch.mask).sum(-1)), 1e-9);
  Pass pass = model->pass(batch, rng, {.samples = 3});
  auto p = model->decode({pass.latents[0].z}, rng);
  EXPECT_LT(max_difference(pass.log_px, p->log_prob(batch.x, batch.mask)), 1e-9);
}

}  // namespace
}  // namespace elbo
