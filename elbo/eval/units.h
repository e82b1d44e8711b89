// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/data/dataset.h"
#include "elbo/data/transform.h"
#include "elbo/models/model.h"

namespace elbo {

/// What the -log p(x) of a model on some data is:
///
/// | kind          | holds for                                                                    |
/// |---------------|------------------------------------------------------------------------------|
/// | probability   | zeros and ones under a bernoulli likelihood: at least 0 and without units    |
/// | density       | real elements: it depends on their units, and is below 0 where p(x) > 1      |
/// | cross_entropy | grey values under a bernoulli likelihood, whose sum over x is not 1: neither |
/// |               | a probability nor a density, and no bound on log p(x)                        |
enum class LossKind { probability, density, cross_entropy };

struct Units {
  LossKind kind = LossKind::density;
  std::string of_x;  ///< Pipeline::units()
  /// Densities: Pipeline::log_slope() over all of x, [event...] f64; undefined where there is none.
  Tensor log_slope;
  bool is_image = false;
  /// Pictures of which each pixel takes one of so many evenly spaced values; 0 for others.
  int64_t levels = 0;
  double level = 0;  ///< the distance of two levels in the data's own units

  std::string nats() const;       ///< "nats (standardised columns)"; "nats" of probabilities
  std::string loss_name() const;  ///< "-ELBO" or "cross-entropy + KL"
  /// -log p(x) [B] in the data's own units less that in model units, over the elements observed;
  /// mask [B, event...], or undefined. Source: change of variables.
  Tensor to_data_units(const Tensor& mask, int64_t rows) const;
  /// What is to be known beside a loss called `name`, a sentence each.
  std::vector<std::string> notes(const std::string& name, double loss) const;
};

inline constexpr const char* kDataUnits = "nats (data's own units)";

/// At most 1,000 rows are looked at, evenly spaced.
Units units_of(const Model& model, const Pipeline& pipeline, const Dataset& data);

}  // namespace elbo
