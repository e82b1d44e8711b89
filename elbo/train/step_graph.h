// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "elbo/tensor/torch.h"

namespace elbo {

/// Work on tensors that was recorded once and is done again without the code that describes it: on
/// the same tensors, with what they hold by then, and with every number that was no tensor as it
/// was.
class StepGraph {
 public:
  virtual ~StepGraph() = default;
  virtual void replay() = 0;
};

/// Records work, which must not wait for its results, without doing it.
using RecordGraph = std::function<std::unique_ptr<StepGraph>(std::function<void()> work)>;

/// Whether LibTorch records graphs on such a device.
bool can_record_on(at::Device device);

/// Records the kernels that work starts on that device (a CUDA graph). Throws what work throws,
/// and c10::Error where it waits for the device.
RecordGraph record_on(at::Device device);

/// The CPU's twin, for tests: replays by calling work again. What work captures by value is as it
/// was.
std::unique_ptr<StepGraph> record_calls(std::function<void()> work);

}  // namespace elbo
