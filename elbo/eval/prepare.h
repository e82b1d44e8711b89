// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "elbo/data/dataset.h"
#include "elbo/data/transform.h"
#include "elbo/models/model.h"
#include "elbo/tensor/threads.h"

namespace elbo {

/// Holds a model in evaluation mode and autograd off; the mode it had comes back at the end. The
/// model must keep its weights meanwhile.
class EvalMode {
 public:
  explicit EvalMode(Model& model);
  ~EvalMode();
  /// The model to evaluate: on the kernels where they can run it, with LibTorch kept to one thread
  /// meanwhile (so hold no two at a time: the second would have one thread), else the model itself.
  Model& model() { return fused_ ? *fused_ : model_; }
  EvalMode(const EvalMode&) = delete;
  EvalMode& operator=(const EvalMode&) = delete;

 private:
  Model& model_;
  bool was_training_;
  at::NoGradGuard no_grad_;
  std::unique_ptr<Model> fused_;
  std::optional<OneThread> one_thread_;
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
