// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/normal.h"

#include <cmath>
#include <numbers>

#include "elbo/tensor/random.h"

namespace elbo {
namespace {

const double kLog2Pi = std::log(2 * std::numbers::pi);

std::vector<int64_t> last_dims(int64_t n) {
  std::vector<int64_t> out;
  for (int64_t d = 1; d <= n; ++d) out.push_back(-d);
  return out;
}

std::vector<int64_t> with_draws(int64_t n, at::IntArrayRef shape) {
  std::vector<int64_t> out = {n};
  out.insert(out.end(), shape.begin(), shape.end());
  return out;
}

}  // namespace

DiagonalNormal::DiagonalNormal(Tensor mu, Tensor log_var, int64_t event_dims)
    : mu_(std::move(mu)), log_var_(std::move(log_var)), event_dims_(event_dims) {}

Tensor DiagonalNormal::sample(Rng& rng, int64_t n) const {
  return sample_from(
      normal(rng, with_draws(n, at::infer_size(mu_.sizes(), log_var_.sizes())), mu_.options()));
}

Tensor DiagonalNormal::sample_from(const Tensor& noise) const {
  return at::addcmul(mu_, noise, (0.5 * log_var_).exp());
}

Tensor DiagonalNormal::log_prob(const Tensor& x, const Tensor& mask) const {
  Tensor element = -0.5 * ((x - mu_).square() * (-log_var_).exp() + log_var_ + kLog2Pi);
  if (mask.defined()) element = element * mask;
  return element.sum(last_dims(event_dims_));
}

Tensor DiagonalNormal::variance() const { return log_var_.exp().expand_as(mu_ + log_var_); }

Tensor DiagonalNormal::entropy() const {
  return (0.5 * (log_var_ + kLog2Pi + 1)).expand_as(mu_ + log_var_).sum(last_dims(event_dims_));
}

StandardNormal::StandardNormal(int64_t dimensions, at::TensorOptions options)
    : DiagonalNormal(at::zeros({dimensions}, options), at::zeros({dimensions}, options)) {}

Tensor StandardNormal::log_prob(const Tensor& x, const Tensor& mask) const {
  if (mask.defined()) return DiagonalNormal::log_prob(x, mask);
  Tensor squares = x.square().sum(-1, /*keepdim=*/false, at::kDouble);
  return -0.5 * (squares + static_cast<double>(x.size(-1)) * kLog2Pi);
}

FullNormal::FullNormal(Tensor mu, Tensor cholesky)
    : mu_(std::move(mu)), cholesky_(std::move(cholesky)) {}

Tensor FullNormal::sample(Rng& rng, int64_t n) const {
  return sample_from(normal(rng, with_draws(n, mu_.sizes()), mu_.options()));
}

Tensor FullNormal::sample_from(const Tensor& noise) const {
  return mu_ + at::matmul(cholesky_, noise.unsqueeze(-1)).squeeze(-1);
}

Tensor FullNormal::log_det() const { return cholesky_.diagonal(0, -2, -1).log().sum(-1); }

Tensor FullNormal::log_prob(const Tensor& x, const Tensor& mask) const {
  ELBO_CHECK(!mask.defined(), Code::usage, "the {} distribution cannot mask single elements",
             name());
  Tensor centred = (x - mu_).unsqueeze(-1);
  Tensor white = at::linalg_solve_triangular(cholesky_, centred, /*upper=*/false).squeeze(-1);
  double z = static_cast<double>(mu_.size(-1));
  return -0.5 * (white.square().sum(-1) + z * kLog2Pi) - log_det();
}

Tensor FullNormal::variance() const { return cholesky_.square().sum(-1); }

Tensor FullNormal::entropy() const {
  return log_det() + 0.5 * static_cast<double>(mu_.size(-1)) * (kLog2Pi + 1);
}

Tensor PointMass::sample(Rng&, int64_t n) const {
  return at_.unsqueeze(0).expand(with_draws(n, at_.sizes()));
}

Tensor PointMass::sample_from(const Tensor& noise) const { return at_.expand(noise.sizes()); }

Tensor PointMass::log_prob(const Tensor&, const Tensor&) const {
  fail(Code::usage,
       "a point posterior has no density: importance-weighted bounds and KL do not exist for a "
       "plain autoencoder\nUse posterior = \"diagonal\" for a VAE.");
}

Tensor PointMass::variance() const { return at::zeros_like(at_); }

}  // namespace elbo
