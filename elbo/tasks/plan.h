// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "elbo/eval/units.h"
#include "elbo/tasks/config.h"

namespace elbo {

/// A configuration with its data opened: what `elbo describe` shows and `elbo train` trains.
struct Plan {
  ResolvedConfig resolved;
  DataSource data;
  std::vector<std::string> why;          ///< what was decided from the data
  std::string by_operators;              ///< why kernels do not run all networks; empty: they do
  Precision precision = Precision::f32;  ///< of networks' products
  Units units;                           ///< of the loss
  TrainedModel fresh;                    ///< untrained, its pipeline fitted
};

/// Opens the data and decides what the layers leave open. `layers` are those above the data's:
/// preset, file, environment, command line. Where they name a run to start from (init), its model
/// and its fitted transforms are taken as they are; the layers may not ask for others. Throws
/// Error(Code::resource) where training would take more memory than there is (footprint_of), before
/// it is taken.
Plan make_plan(const std::vector<ConfigLayer>& layers);

/// Throws Error(Code::data) where there is nothing to learn: one row, or rows that are all the
/// same.
void check_trainable(const Plan& plan);

/// Throws Error(Code::data) unless the data have the shape that a model takes.
void check_shape(const DataSource& data, const std::string& path, const Schema& model);

/// Sets the number of threads LibTorch computes with and returns it: what is asked, at most 4 to a
/// core; 0 takes one for each core that may be used (usable_cores). They sleep when idle.
int64_t set_threads(int64_t threads);

/// The most threads that set_threads sets.
int64_t most_threads();
/// Throws Error(Code::usage) for more than most_threads().
void check_threads(int64_t threads);

}  // namespace elbo
