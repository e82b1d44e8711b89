// SPDX-License-Identifier: Apache-2.0
#include "elbo/eval/prepare.h"

#include <ATen/Parallel.h>

#include <algorithm>

#include "elbo/nets/network.h"

namespace elbo {

EvalMode::EvalMode(Model& model)
    : model_(model),
      was_training_(model.is_training()),
      workers_(at::get_num_threads()),
      with_workers_(workers_, /*one_libtorch_thread=*/why_not_kernels(model).empty()) {
  model_.eval();
}

EvalMode::~EvalMode() { model_.train(was_training_); }

at::Device device_of(const Model& model) {
  auto parameters = model.parameters();
  return parameters.empty() ? at::Device(at::kCPU) : parameters.front().device();
}

void for_each_prepared(Model& model, const Pipeline& pipeline, const Dataset& data,
                       std::span<const int64_t> rows, int64_t batch,
                       const std::function<void(const Batch&)>& visit) {
  const TransformNoise noise = TransformNoise::for_evaluation();
  const at::Device device = device_of(model);
  for (size_t begin = 0; begin < rows.size(); begin += static_cast<size_t>(batch)) {
    size_t n = std::min(static_cast<size_t>(batch), rows.size() - begin);
    Batch prepared = pipeline.apply(data.get(rows.subspan(begin, n)), noise).to(device);
    model.check_support(prepared);
    visit(prepared);
  }
}

}  // namespace elbo
