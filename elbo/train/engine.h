// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "elbo/kernels/gemm.h"
#include "elbo/objectives/objective.h"
#include "elbo/train/optimizer.h"

namespace elbo {

/// What an engine needs to know to make a step.
struct EngineOptions {
  Part optimizer = "adam";
  double clip = 0;  ///< largest norm of each player's gradient; 0 leaves it as it is
  Precision precision = Precision::f32;  ///< of networks' products
};

/// What one step did.
struct StepResult {
  std::vector<std::string> names;  ///< of every player's terms
  std::vector<double> means;       ///< of each term over the batch
  double gradient_norm = 0;        ///< of the model, before clipping
  bool finite = true;     ///< false: some loss or gradient was not finite and no weight was moved
  std::string broken;     ///< where that was first seen
  double operations = 0;  ///< floating-point ones of the products that kernels did
};

/// One training step, in three parts: find() finds every player's loss and its gradient, which stay
/// in the parameters; reduce() looks at them; apply() moves the weights, all players' or none. Each
/// player's loss is taken at the weights as the step found them and differentiated for that
/// player's parameters alone. Computations go to workers().
class Engine {
 public:
  Engine(std::vector<std::unique_ptr<Player>> players, const EngineOptions& options);
  ~Engine();

  /// All three on one batch. The result stays valid until the next step.
  const StepResult& step(const Batch& batch, Rng& rng, const Time& time, double lr,
                         const Moved& moved = {});

  /// Adds share times the gradient of every player's loss on a batch to what was found since the
  /// last apply(): the parts of a batch, each with its share of the rows, give the gradient of the
  /// whole, since noise is keyed by example.
  void find(const Batch& batch, const Rng& rng, const Time& time, double share = 1);
  /// The norms, and whether all is finite.
  const StepResult& reduce();
  /// Moves the weights, their gradients clipped, unless reduce() found some not to be finite; then
  /// buffers (running statistics) go back to what they were. moved: see Optimizer::step, for the
  /// model's parameters.
  void apply(double lr, const Moved& moved = {});

  /// The optimizers' tensors, named "<player>.<name>", and critics' weights: what a resumed run
  /// needs beside the model.
  NamedTensors state() const;

 private:
  struct Seat;
  std::vector<Seat> seats_;
  double clip_;
  bool is_mixed_, is_fresh_ = true;
  StepResult result_;
};

/// The precision of products for what is asked, "f32", "bf16" or "auto": bf16 where this machine
/// has AMX, else f32.
Precision precision_for(const std::string& asked);

}  // namespace elbo
