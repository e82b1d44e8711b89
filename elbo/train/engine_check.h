// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "elbo/models/model.h"
#include "elbo/train/engine.h"

namespace elbo {

/// How far two engines are apart after one step on the same batch and the same noise.
struct EngineDifference {
  double term = 0;      ///< largest difference of a term, as a share of the largest term
  double gradient = 0;  ///< largest norm of a parameter's difference, as a share of the gradient's
  std::string where;    ///< the parameter
  /// What f32 leaves when sums are taken in another order.
  static constexpr double kAllowed = 1e-5;
  bool agrees() const { return term <= kAllowed && gradient <= kAllowed; }
};

/// Makes one step at learning rate 0 with each engine; clipping must be off. The models must hold
/// the same weights.
EngineDifference difference(Engine& a, const Model& model_a, Engine& b, const Model& model_b,
                            const Batch& batch, const Rng& rng, const Time& time);

}  // namespace elbo
