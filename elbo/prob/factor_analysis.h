// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/core/rng.h"
#include "elbo/tensor/torch.h"

namespace elbo {

/// How the noise of a linear model may differ between elements.
enum class NoiseForm {
  per_element,  ///< a variance for each: factor analysis
  shared,       ///< one for all: probabilistic PCA
  fixed,        ///< one for all, given
};

/// x = mean + W z + noise with z ~ N(0, I) and noise ~ N(0, diag(noise)): factor analysis; with
/// equal noise, probabilistic PCA; with Z = 0, independent normal elements. All f64.
///
/// W is rotated so that W' diag(noise)^-1 W is diagonal, and the posterior q(z|x) of a wholly
/// observed x is then a diagonal normal whose mean is linear in x: exactly what a VAE without
/// hidden layers can express. Tipping & Bishop 1999; Rubin & Thayer 1982.
struct FactorAnalysis {
  Tensor mean;      ///< [D]
  Tensor loadings;  ///< [D, Z]: W
  Tensor noise;     ///< [D], variances

  /// log p(x) of the observed elements, [B], nats. x [B, D]; mask [B, D], 1 = observed, or
  /// undefined.
  Tensor log_prob(const Tensor& x, const Tensor& mask = {}) const;
  /// E[z|x], [B, Z], from the observed elements.
  Tensor posterior_mean(const Tensor& x, const Tensor& mask = {}) const;
  /// [Z] of q(z|x) where all is observed: 1 / (1 + w_j), w the diagonal of W' diag(noise)^-1 W.
  Tensor posterior_variance() const;
  /// [Z, D]: with all observed, E[z|x] = encoder() (x - mean).
  Tensor encoder() const;
};

struct FactorOptions {
  int64_t latent = 1;  ///< Z, at least 0; dimensions beyond the data's rank get loadings of 0
  NoiseForm form = NoiseForm::per_element;
  double noise = 1;     ///< the variance, where it is fixed
  double floor = 1e-6;  ///< no variance of noise is smaller
};

/// The linear model of greatest likelihood. x [N, D] f32 or f64, N >= 1; mask as above. With shared
/// or fixed noise in closed form from the principal components, for many rows and columns found by
/// subspace iteration from `rng`; with noise for each element by iteration from there (at most 300
/// rounds); with missing elements by EM (Rubin & Thayer 1982) from what filling in the means gives.
FactorAnalysis fit_factor_analysis(const Tensor& x, const Tensor& mask,
                                   const FactorOptions& options, Rng rng);

/// The normal with the data's mean and covariance matrix: log p(x) [B], nats.
struct FullGaussian {
  Tensor mean;      ///< [D] f64
  Tensor cholesky;  ///< [D, D] f64, of the covariance
  Tensor log_prob(const Tensor& x) const;
};

/// Of x [N, D] without missing elements. Variances of `floor` are added to the diagonal.
FullGaussian fit_full_gaussian(const Tensor& x, double floor = 1e-6);

}  // namespace elbo
