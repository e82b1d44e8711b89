// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "elbo/data/dataset.h"
#include "elbo/data/transform.h"
#include "elbo/models/model.h"
#include "elbo/tensor/threads.h"

namespace elbo {

/// Holds a model in evaluation mode, autograd off, and workers at hand, as many as LibTorch has
/// threads (so hold no two at a time: the second would have one); the mode it had comes back at the
/// end.
class EvalMode {
 public:
  explicit EvalMode(Model& model);
  ~EvalMode();
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  Model& model_;
  bool was_training_;
  at::NoGradGuard no_grad_;
  Workers workers_;
  WithWorkers with_workers_;
};

/// Where a model's parameters are; the CPU for one without any.
at::Device device_of(const Model& model);

/// Batch after batch as the model takes them: through the pipeline with the noise of evaluation,
/// checked against the likelihood's support, on the model's device. `rows` are rows of `data`.
/// Throws Error(Code::data).
void for_each_prepared(Model& model, const Pipeline& pipeline, const Dataset& data,
                       std::span<const int64_t> rows, int64_t batch,
                       const std::function<void(const Batch&)>& visit);

}  // namespace elbo
