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
  void update(const Model& model, int64_t step);

 private:
  double decay_;
  NamedTensors shadow_;
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
