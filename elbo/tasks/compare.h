// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/eval/diagnose.h"
#include "elbo/tasks/tables.h"

namespace elbo {

/// Several runs measured on the same data.
struct Comparison {
  std::vector<std::string> names;  ///< of the run folders; with their parents where they coincide
  std::string split;               ///< of the first run's data: "test"
  int64_t examples = 0;
  /// For each run; to what evaluate() finds is added rmse, the root mean squared error of the
  /// reconstruction over all elements in the data's own units, which compares across transforms.
  std::vector<Evaluation> evaluations;
  std::vector<Finding> notes;  ///< what stands in the way of a fair comparison
  TextTable table() const;     ///< metrics downwards, runs across
  Value to_value() const;
};

/// Measures runs on the held-out split of the first one's data and, when `html` is named, writes a
/// page of their numbers, curves, reconstructions, samples and latent spaces side by side.
/// Throws Error(Code::usage) for fewer than two runs, Error(Code::data) when a model takes other
/// data than the first one.
Comparison compare(const std::vector<Path>& runs, const Path& html);

}  // namespace elbo
