// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "elbo/data/transform.h"

namespace elbo {

/// Training batches where data set and transforms live on a device. An operator there takes about
/// as long for many rows as for few, so several batches are gathered and transformed at once.
class DeviceBatches {
 public:
  /// Null where the data stay on disk or take more than half of the device's free memory (1 GiB
  /// where that is not known). The pipeline must be fitted.
  static std::unique_ptr<DeviceBatches> try_make(const Dataset& data, const Pipeline& pipeline,
                                                 at::Device device);
  /// What the pipeline makes of the rows order[begin], .., order[end - 1]. The order must be the
  /// same wherever noise.each_use is.
  Batch get(std::span<const int64_t> order, int64_t begin, int64_t end,
            const TransformNoise& noise);

 private:
  DeviceBatches(DatasetPtr data, std::unique_ptr<Pipeline> pipeline)
      : data_(std::move(data)), pipeline_(std::move(pipeline)) {}

  DatasetPtr data_;
  std::unique_ptr<Pipeline> pipeline_;
  Batch ready_;  ///< the rows from order[begin_] on
  int64_t begin_ = 0, end_ = 0;
  uint64_t noise_ = 0;
};

}  // namespace elbo
