// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "elbo/tensor/random.h"
#include "elbo/train/gradients.h"
#include "elbo/train/optimizer.h"
#include "elbo/train/step_graph.h"

namespace elbo {

/// A lone player's steps by graphs, from the batch to the moved weights: one for each shape of
/// batch (of the first few), recorded when the shape comes for the second time (the first may set
/// up what a recording may not) and replayed from then on, bit for bit. Batches, noise, weights of
/// terms and learning rates are brought into the recording's tensors, all of them where the
/// parameters are (a batch's index too).
class RecordedSteps {
 public:
  struct Found : Gradients {
    std::vector<Tensor> buffers;  ///< the module's, as they were before
  };

  /// clip: largest norm of the gradient; 0 leaves it as it is.
  RecordedSteps(Player& player, std::vector<Tensor> params, Optimizer& optimizer, double clip,
                RecordGraph record);
  ~RecordedSteps();
  /// One step at learning rate lr; moves nothing where the gradient's norm or the loss is not
  /// finite, but for the module's buffers. What it found stays valid until the next.
  const Found& step(const Batch& batch, Rng& rng, const Tensor& weights, double lr);
  /// Why nothing is recorded or replayed any more; empty while it is.
  const std::string& why_not() const { return why_not_; }

 private:
  struct Recording;
  using Shape = std::vector<int64_t>;

  static Shape shape_of(const Batch& batch);
  Found find_and_move(const Batch& batch, Rng& rng, const Tensor& weights, const Tensor& lr);
  const Found& step_anew(const Batch& batch, Rng& rng, const Tensor& weights, double lr);
  void start(Recording& r, const Batch& batch, Rng& rng, const Tensor& weights, double lr);
  void record(Recording& r, const Rng& rng);
  void give_up(const std::string& why);

  Player& player_;
  std::vector<Tensor> params_;
  Optimizer& optimizer_;
  double clip_;
  RecordGraph record_;
  std::map<Shape, std::unique_ptr<Recording>> recordings_;
  Found anew_;
  std::string why_not_;
};

}  // namespace elbo
