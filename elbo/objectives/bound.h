// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "elbo/models/model.h"

namespace elbo {

/// A loss and what it is made of.
struct Loss {
  Tensor total;  ///< scalar: the mean over the batch of sums over an example's elements, nats
  std::vector<std::pair<std::string, double>> terms;  ///< means over the batch, nats
};

/// Weights in force at one moment.
struct LossWeights {
  double beta = 1;       ///< of the KL
  double free_bits = 0;  ///< nats of KL for each latent dimension that cost nothing
};

/// A lower bound of log p(x), as a loss.
class Bound {
 public:
  virtual ~Bound() = default;
  virtual PassOptions pass_options() const = 0;
  /// Whether it has a KL term, which free bits can make cost nothing.
  virtual bool has_kl() const = 0;
  /// Its terms have at least recon, kl and neg_elbo, as evaluate() has them, and the loss.
  virtual Loss loss(const Pass& pass, const LossWeights& weights) const = 0;
};

/// elbo, iwae.
const Family<std::unique_ptr<Bound>>& bounds();

}  // namespace elbo
