// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/prob/distribution.h"

namespace elbo {

/// Normal with independent elements: log p(x) = -1/2 sum_j (log 2 pi + log_var_j
///   + (x_j - mu_j)^2 / exp(log_var_j)).
/// mu, log_var: [batch..., event...], broadcast against each other. The last event_dims dimensions
/// are the event. Kingma & Welling 2014, appendix C.2.
class DiagonalNormal : public Distribution {
 public:
  DiagonalNormal(Tensor mu, Tensor log_var, int64_t event_dims = 1);
  std::string name() const override { return "diagonal normal"; }
  Tensor sample(Rng& rng, int64_t n) const override;
  bool reparameterised() const override { return true; }
  Tensor sample_from(const Tensor& noise) const override;
  Tensor log_prob(const Tensor& x, const Tensor& mask = {}) const override;
  Tensor mean() const override { return mu_; }
  Tensor variance() const override;
  Tensor entropy() const override;
  const Tensor& log_var() const { return log_var_; }
  int64_t event_dims() const { return event_dims_; }

 private:
  Tensor mu_, log_var_;
  int64_t event_dims_;
};

/// N(0, I) over vectors: a DiagonalNormal whose KL and density are cheaper. mu, log_var: [Z] of
/// zeros.
class StandardNormal : public DiagonalNormal {
 public:
  explicit StandardNormal(int64_t dimensions, at::TensorOptions options = at::kFloat);
  std::string name() const override { return "standard normal"; }
  Tensor log_prob(const Tensor& x, const Tensor& mask = {}) const override;
};

/// Normal with full covariance Sigma = L L^T, L lower triangular with a positive diagonal.
/// log p(x) = -Z/2 log 2 pi - sum_j log L_jj - 1/2 |L^-1 (x - mu)|^2.
/// mu [batch..., Z], cholesky [batch..., Z, Z] (what stands above its diagonal must be 0).
class FullNormal : public Distribution {
 public:
  FullNormal(Tensor mu, Tensor cholesky);
  std::string name() const override { return "full-covariance normal"; }
  Tensor sample(Rng& rng, int64_t n) const override;
  bool reparameterised() const override { return true; }
  Tensor sample_from(const Tensor& noise) const override;
  Tensor log_prob(const Tensor& x, const Tensor& mask = {}) const override;
  Tensor mean() const override { return mu_; }
  Tensor variance() const override;  ///< the diagonal of Sigma
  Tensor entropy() const override;
  const Tensor& cholesky() const { return cholesky_; }
  Tensor log_det() const;  ///< sum_j log L_jj = 1/2 log |Sigma|, [batch...]

 private:
  Tensor mu_, cholesky_;
};

/// All mass at one point: what a plain autoencoder's encoder means. It has no density, so
/// log_prob, entropy and KL throw Error(Code::usage).
class PointMass : public Distribution {
 public:
  explicit PointMass(Tensor at) : at_(std::move(at)) {}
  std::string name() const override { return "point"; }
  Tensor sample(Rng& rng, int64_t n) const override;
  bool reparameterised() const override { return true; }
  Tensor sample_from(const Tensor& noise) const override;  ///< without regard to it
  Tensor log_prob(const Tensor& x, const Tensor& mask = {}) const override;
  Tensor mean() const override { return at_; }
  Tensor variance() const override;

 private:
  Tensor at_;
};

}  // namespace elbo
