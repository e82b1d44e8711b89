// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/models/model.h"
#include "elbo/tensor/tensor_file.h"

namespace elbo {

/// The running mean of a model's weights and buffers, m <- d m + (1 - d) w after step t = 1, 2, ..
/// with d = min(decay, (1 + t) / (10 + t)), so that the first weights are soon forgotten; from m =
/// w at the start; whole numbers are copied. decay 0 turns it off: the shadow is empty.
class Ema {
 public:
  Ema(const Model& model, double decay);
  bool is_on() const { return decay_ > 0; }
  const NamedTensors& shadow() const { return shadow_; }
  /// Before the weights are moved at that step.
  void begin(int64_t step);
  /// Elements [offset, offset + count) of a parameter (as Model::parameters() counts them), in f32
  /// on the CPU, have been moved.
  void follow(size_t parameter, int64_t offset, int64_t count);
  /// After all have been moved: what follow() was not told of.
  void finish();

 private:
  struct Pair {
    Tensor live, shadow;
    bool is_followed = false;
  };
  double decay_, share_ = 0;
  NamedTensors shadow_;
  std::vector<Pair> parameters_, buffers_;
};

/// Puts the averaged weights into the model for as long as it lives.
class WithAveragedWeights {
 public:
  WithAveragedWeights(Model& model, const Ema& ema);
  ~WithAveragedWeights();
  WithAveragedWeights(const WithAveragedWeights&) = delete;
  WithAveragedWeights& operator=(const WithAveragedWeights&) = delete;

 private:
  Model& model_;
  bool is_on_;
  NamedTensors live_;
};

}  // namespace elbo
