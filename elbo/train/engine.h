// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "elbo/objectives/objective.h"
#include "elbo/train/optimizer.h"

namespace elbo {

/// What an engine needs to know to make a step.
struct EngineOptions {
  Part optimizer = "adam";
  double clip = 0;  ///< largest norm of each player's gradient; 0 leaves it as it is
};

/// What one step did.
struct StepResult {
  std::vector<std::pair<std::string, Tensor>> terms;  ///< every player's, as Loss::terms
  double gradient_norm = 0;                           ///< of the model, before clipping
  bool finite = true;  ///< false: some loss or gradient was not finite and no weight was moved
  std::string broken;  ///< where that was first seen
};

/// One training step. Each player's loss is taken in turn, at the weights as the step found them,
/// and differentiated for that player's parameters alone; then all players move, or none.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual StepResult step(const Batch& batch, Rng& rng, const Time& time, double lr) = 0;
  /// The optimizers' tensors, named "<player>.<name>", and critics' weights: what a resumed run
  /// needs beside the model.
  virtual NamedTensors state() const = 0;
};

/// Runs any objective by LibTorch's autograd.
std::unique_ptr<Engine> make_autograd_engine(std::vector<std::unique_ptr<Player>> players,
                                             const EngineOptions& options);

}  // namespace elbo
