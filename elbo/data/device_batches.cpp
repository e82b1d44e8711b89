// SPDX-License-Identifier: Apache-2.0
#include "elbo/data/device_batches.h"

#include <c10/core/CachingDeviceAllocator.h>

#include <algorithm>

#include "elbo/tensor/tensor_file.h"

namespace elbo {
namespace {

constexpr int64_t kBatchesAtOnce = 16;

int64_t room_on(at::Device device) {
  try {
    auto index = device.has_index() ? device.index() : c10::DeviceIndex{0};
    size_t free = at::getDeviceAllocator(device.type())->getMemoryInfo(index).first;
    return static_cast<int64_t>(free / 2);
  } catch (const c10::Error&) {
    return int64_t{1} << 30;
  }
}

}  // namespace

std::unique_ptr<DeviceBatches> DeviceBatches::try_make(const Dataset& data,
                                                       const Pipeline& pipeline,
                                                       at::Device device) {
  DatasetPtr moved = data.on(device, room_on(device));
  if (!moved) return nullptr;
  // One of its own: held-out rows still go through the other on the CPU.
  auto copy = std::make_unique<Pipeline>(pipeline.parts(), data.schema());
  load_state(*copy, state_of(pipeline), "pipeline");
  copy->to(device);
  return std::unique_ptr<DeviceBatches>(new DeviceBatches(std::move(moved), std::move(copy)));
}

Batch DeviceBatches::get(std::span<const int64_t> order, int64_t begin, int64_t end,
                         const TransformNoise& noise) {
  bool is_ready = noise_ == noise.each_use.key() && begin_ <= begin && end <= end_;
  if (!is_ready) {
    int64_t n = rows_at_once(data_->schema(), kBatchesAtOnce * (end - begin));
    begin_ = begin;
    end_ = std::min(std::max(end, begin + n), static_cast<int64_t>(order.size()));
    noise_ = noise.each_use.key();
    auto rows = order.subspan(static_cast<size_t>(begin_), static_cast<size_t>(end_ - begin_));
    ready_ = pipeline_->apply(data_->get_stored(rows), noise);
  }
  return ready_.narrow(begin - begin_, end - begin);
}

}  // namespace elbo
