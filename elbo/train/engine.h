// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "elbo/kernels/gemm.h"
#include "elbo/objectives/objective.h"
#include "elbo/tensor/threads.h"
#include "elbo/train/optimizer.h"
#include "elbo/train/step_graph.h"

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
  double operations = 0;  ///< floating-point ones of the networks' products; 0 where not counted
  std::string note;       ///< what changed in how steps are made
};

/// One training step. Each player's loss is taken in turn, at the weights as the step found them,
/// and differentiated for that player's parameters alone; then all players move, or none. The
/// gradients stay in the parameters: autograd leaves them clipped, the fused engine as it found
/// them.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual std::string name() const = 0;
  /// Shares loops out among threads of the engine's own, beside which LibTorch's would only spin;
  /// null where it has none.
  virtual ShareLoop share() { return nullptr; }
  /// Floating-point operations per second that its threads could do at most, as measured once; 0
  /// where steps do not count theirs.
  virtual double peak() { return 0; }
  /// The result stays valid until the next step.
  virtual const StepResult& step(const Batch& batch, Rng& rng, const Time& time, double lr) = 0;
  /// The optimizers' tensors, named "<player>.<name>", and critics' weights: what a resumed run
  /// needs beside the model.
  virtual NamedTensors state() const = 0;
};

/// Runs any objective by LibTorch's autograd. A lone player's steps are recorded as graphs and
/// replayed (train/recorded_steps.h), by `record` where that is given, else wherever
/// why_not_replayed() finds no fault. Throws Error if it is given for several players.
std::unique_ptr<Engine> make_autograd_engine(std::vector<std::unique_ptr<Player>> players,
                                             const EngineOptions& options,
                                             RecordGraph record = nullptr);

/// Why autograd's steps are not replayed from a graph; empty when they are.
std::string why_not_replayed(size_t players, at::Device device);

/// Runs flat VAEs and autoencoders as one pass of the kernels, planned in advance, with
/// at::get_num_threads() threads. The model must be one that why_not_fused finds no fault with.
std::unique_ptr<Engine> make_fused_engine(const ObjectiveOptions& objective,
                                          std::shared_ptr<Model> model,
                                          const EngineOptions& options);

/// Why the fused engine cannot train this; empty when it can.
std::string why_not_fused(const ObjectiveOptions& objective, const Model& model);

/// "fused" or "autograd", for what is asked for: one of the two, or "auto", which is the fused one
/// where it can. Throws Error(Code::usage) if the fused one is asked for and cannot train this.
std::string engine_for(const std::string& asked, const ObjectiveOptions& objective,
                       const Model& model);

/// The precision of products for what is asked, "f32", "bf16" or "auto", by that engine: auto is
/// bf16 for the fused one where this machine has AMX, else f32.
Precision precision_for(const std::string& asked, const std::string& engine);

/// The engine_for what is asked.
std::unique_ptr<Engine> make_engine(const std::string& asked, const ObjectiveOptions& objective,
                                    std::shared_ptr<Model> model, const EngineOptions& options);

/// The first parameter of a player that is not finite or has such a gradient, in words.
std::string where_broken(const std::string& player, const torch::nn::Module& module);

}  // namespace elbo
