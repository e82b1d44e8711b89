// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/step_graph.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/accelerator/Graph.h>
#include <c10/core/StreamGuard.h>

namespace elbo {
namespace {

class AcceleratorGraph : public StepGraph {
 public:
  AcceleratorGraph(at::Device device, const std::function<void()>& work) {
    // A device's default stream cannot be recorded.
    c10::impl::VirtualGuardImpl streams(device.type());
    c10::StreamGuard guard(streams.getStreamFromGlobalPool(device));
    at::accelerator::synchronizeDevice(device.index());
    graph_.capture_begin();
    try {
      work();
    } catch (...) {
      end_in_vain();
      throw;
    }
    graph_.capture_end();
  }
  void replay() override { graph_.replay(); }

 private:
  /// A recording that failed must be ended, which fails as well.
  void end_in_vain() {
    try {
      graph_.capture_end();
    } catch (const c10::Error&) {
    }
  }
  at::accelerator::Graph graph_;
};

class Calls : public StepGraph {
 public:
  explicit Calls(std::function<void()> work) : work_(std::move(work)) {}
  void replay() override { work_(); }

 private:
  std::function<void()> work_;
};

}  // namespace

bool can_record_on(at::Device device) {
  return !device.is_cpu() && at::has_graph_impl(device.type());
}

RecordGraph record_on(at::Device device) {
  return [device](const std::function<void()>& work) {
    return std::make_unique<AcceleratorGraph>(device, work);
  };
}

std::unique_ptr<StepGraph> record_calls(std::function<void()> work) {
  return std::make_unique<Calls>(std::move(work));
}

}  // namespace elbo
