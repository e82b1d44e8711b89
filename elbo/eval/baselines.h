// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "elbo/core/metric.h"
#include "elbo/data/dataset.h"
#include "elbo/data/transform.h"
#include "elbo/models/model.h"

namespace elbo {

/// A model that anyone would try first, fitted in closed form to the training examples and measured
/// on the rows that the VAE is measured on, in the same units.
struct Baseline {
  std::string name;               ///< "independent columns", "factor analysis, 6 factors"
  std::optional<Metric> neg_log;  ///< -log p(x), nats; none for a model without a density
  double mse = 0;                 ///< of its reconstruction, as reconstruction_mse of evaluate()
  /// Whether it has as many latent dimensions as the VAE, and not none.
  bool has_latents = false;
};

/// | baseline               | for likelihoods     | what                                          |
/// |------------------------|---------------------|-----------------------------------------------|
/// | independent elements   | all                 | each element by itself: normal with its own   |
/// |                        |                     | mean and variance, or the likelihood's own at |
/// |                        |                     | its mean; reconstructs the mean               |
/// | full covariance        | normal, D <= 200 and| the normal with the data's covariance matrix  |
/// |                        | N >= 5 D, all seen  |                                               |
/// | factor analysis        | normal, tables      | Z factors, noise of its own for each column   |
/// | PCA                    | all                 | Z components; with a density (probabilistic   |
/// |                        |                     | PCA) for normal likelihoods                   |
///
/// Fitted to at most 10,000 training rows. "Normal" are likelihoods with
/// Likelihood::as_factor_analysis(). Memory does not grow with the rows of `held_out`.
std::vector<Baseline> fit_baselines(const ModelOptions& options, const Pipeline& pipeline,
                                    const Dataset& train, const Dataset& held_out);

/// [{"name": .., "neg_log_prob": .., "se": .., "reconstruction_mse": .., "has_latents": ..}, ...]
Value baselines_to_value(const std::vector<Baseline>& baselines);
/// Throws Error(Code::model) for anything that baselines_to_value could not have written.
std::vector<Baseline> baselines_from_value(const Value& value);

}  // namespace elbo
