// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "elbo/objectives/objective.h"
#include "elbo/tensor/random.h"
#include "elbo/train/step_graph.h"

namespace elbo {

/// What a player's loss and its gradients came to, where the player is.
struct Gradients {
  Tensor numbers;  ///< [2 + names] f64: the gradient's norm, the loss, means of terms
  std::vector<std::string> names;  ///< of the terms
  std::vector<Tensor> of_params;   ///< like `params`; zero where the loss reaches none
  std::vector<Tensor> buffers;     ///< the module's, as they were before
};

/// Finds the loss and differentiates it for the player's own parameters, in which it leaves the
/// gradients. Nothing in it depends on a number it found, so that it can be recorded.
Gradients find_gradients(Player& player, std::vector<Tensor>& params, const Batch& batch, Rng rng,
                         const Tensor& weights);

/// find_gradients() by graphs, bit for bit: one for each shape of batch, recorded when the shape
/// comes for the second time (the first may set up what a recording may not) and replayed from
/// then on. Batches, noise and weights are brought into the recording's tensors, all of them where
/// the weights are (a batch's index too).
class GradientGraphs {
 public:
  GradientGraphs(Player& player, std::vector<Tensor> params, RecordGraph record);
  ~GradientGraphs();
  /// Stays valid until the next call.
  const Gradients& find(const Batch& batch, const Rng& rng, const Tensor& weights);
  /// Why nothing is recorded or replayed any more; empty while it is.
  const std::string& why_not() const { return why_not_; }

 private:
  struct Recording;
  using Shape = std::vector<int64_t>;

  static Shape shape_of(const Batch& batch);
  const Gradients& find_anew(const Batch& batch, const Rng& rng, const Tensor& weights);
  void start(Recording& r, const Batch& batch, const Rng& rng, const Tensor& weights);
  void record(Recording& r, const Rng& rng);
  void give_up(const std::string& why);

  Player& player_;
  std::vector<Tensor> params_;
  RecordGraph record_;
  std::map<Shape, std::unique_ptr<Recording>> recordings_;
  Gradients anew_;
  std::string why_not_;
};

}  // namespace elbo
