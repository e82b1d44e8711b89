// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/train/model_folder.h"
#include "elbo/train/progress.h"

namespace elbo {

/// What a resumed run needs beside the model it was working on.
struct Checkpoint {
  Progress progress;
  NamedTensors engine;  ///< Engine::state()
  NamedTensors ema;     ///< Ema::shadow()
  NamedTensors best;    ///< the best weights so far; empty before the first
  /// The watched term of each validation row where the model started as a fitted one; else empty.
  std::vector<double> start_rows = {};
};

/// Replaces `folder` in one step by the model and state.json, state.safetensors beside it.
void write_checkpoint(const Path& folder, const TrainedModel& model, const Checkpoint& checkpoint,
                      uint64_t seed);

/// Reads state.json and state.safetensors. Throws Error(Code::model) when they are damaged or of a
/// run with another seed.
Checkpoint read_checkpoint(const Path& folder, uint64_t seed);

}  // namespace elbo
