// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/models/model.h"
#include "elbo/objectives/objective.h"
#include "elbo/train/trainer.h"

namespace elbo {

/// The memory, in bytes, that training a model on the CPU takes beside the data, at its most.
struct Footprint {
  int64_t weights = 0;      ///< numbers: parameters and buffers
  double of_weights = 0;    ///< weights, their gradients, what the optimizer holds of each, running
                            ///< mean, best and last good ones, and those being written
  double of_batch = 0;      ///< what the networks put out for a batch, and its gradients
  double of_posterior = 0;  ///< the Z x Z matrices of `full` posteriors where operators hold them
  double bytes() const { return of_weights + of_batch + of_posterior; }
};

/// Estimated from the shapes alone, before anything of their size is made. rows: of the training
/// set. Throws Error(Code::usage) for models that make no sense.
Footprint footprint_of(const ModelOptions& model, const ObjectiveOptions& objective,
                       const TrainOptions& train, const Schema& schema, int64_t rows);

/// Throws Error(Code::resource), saying what takes how much, where it is more than the bytes there
/// are.
void check_footprint(const Footprint& footprint, double available);

}  // namespace elbo
