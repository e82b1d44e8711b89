// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/prob/distribution.h"

namespace elbo {

/// Independent Bernoullis from logits l: log p(x) = sum_j x_j l_j - softplus(l_j).
/// logits [batch..., event...]; x in [0, 1] (grey values give the usual cross-entropy, which is no
/// normalised density). Computed from logits throughout, never from clamped probabilities.
class Bernoulli : public Distribution {
 public:
  explicit Bernoulli(Tensor logits, int64_t event_dims = 1);
  std::string name() const override { return "bernoulli"; }
  Tensor sample(Rng& rng, int64_t n) const override;
  Tensor log_prob(const Tensor& x, const Tensor& mask = {}) const override;
  Tensor mean() const override { return logits_.sigmoid(); }
  Tensor variance() const override;
  Tensor entropy() const override;
  /// The logits at which the mean is m, m in (0, 1).
  static Tensor logits_of_mean(const Tensor& m);

 private:
  Tensor logits_;
  int64_t event_dims_;
};

/// Independent continuous Bernoullis: x in [0, 1] with the normalised density
/// p(x) = e^(x l) l / (e^l - 1), so log p(x) = sum_j x_j l_j - A(l_j), A(l) = log((e^l - 1) / l).
/// logits l [batch..., event...]. Source: Loaiza-Ganem & Cunningham 2019, arXiv 1907.06845.
class ContinuousBernoulli : public Distribution {
 public:
  explicit ContinuousBernoulli(Tensor logits, int64_t event_dims = 1);
  std::string name() const override { return "continuous bernoulli"; }
  Tensor sample(Rng& rng, int64_t n) const override;
  Tensor log_prob(const Tensor& x, const Tensor& mask = {}) const override;
  Tensor mean() const override;
  Tensor variance() const override;
  Tensor entropy() const override;
  /// The logits at which the mean is m, m in (0, 1), by bisection.
  static Tensor logits_of_mean(const Tensor& m);

 private:
  Tensor logits_;
  int64_t event_dims_;
};

}  // namespace elbo
