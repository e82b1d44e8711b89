// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <memory>
#include <string>

#include "elbo/core/files.h"
#include "elbo/core/value.h"
#include "elbo/io/tensorboard.h"

namespace elbo {

/// What one epoch, or one look at a held-out split, found.
struct EpochRecord {
  int64_t epoch = 0;  ///< from 1; 0 is the start
  std::string split;  ///< "train", "valid" or "test"
  double seconds = 0;
  double examples_per_second = 0;
  std::map<std::string, double> terms;  ///< mean over the split's examples, nats
  double share_of_peak = 0;  ///< of the arithmetic that the machine could do; 0 where not counted
  Value to_value() const;    ///< a line of metrics.jsonl
};

/// metrics.jsonl of a run folder and, when asked for, TensorBoard events beside it.
class MetricsLog {
 public:
  /// Keeps the lines of the epochs already done; those a resumed run will do again are dropped. -1
  /// keeps none, not even those of the start.
  MetricsLog(const Path& folder, int64_t epochs_done, bool tensorboard);
  void add(const EpochRecord& record);

 private:
  std::unique_ptr<LineWriter> lines_;
  std::unique_ptr<TensorBoardWriter> events_;
};

}  // namespace elbo
