// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "elbo/core/files.h"
#include "elbo/core/value.h"
#include "elbo/data/transform.h"
#include "elbo/models/model.h"
#include "elbo/tensor/tensor_file.h"

namespace elbo {

/// A model with all that is needed to use it on raw data.
struct TrainedModel {
  ModelOptions options;
  Schema schema;
  std::shared_ptr<Pipeline> pipeline;
  std::shared_ptr<Model> model;
  Value metrics = Value::table();  ///< what was known of it when it was saved
};

/// A model folder holds model.json and model.safetensors; a checkpoint adds state.json and
/// state.safetensors. Each .json is written in one canonical form and holds the SHA-256 of its
/// tensors' file and of its own text, so that damage to any bit of either is seen.
///
/// Version 1. Weights are named "model.<name>", what transforms learned "pipeline.<name>".
void write_model(const Path& folder, const TrainedModel& trained);

/// Throws Error(Code::model) saying what is wrong with a folder that is not exactly as written.
TrainedModel read_model(const Path& folder);

/// A .json beside its .safetensors, sealed as above. `stem` is "model" or "state"; the format's
/// name and version are added to the description.
void write_sealed(const Path& folder, const std::string& stem, Value description,
                  const NamedTensors& tensors);
struct Sealed {
  Value description;
  NamedTensors tensors;
};
Sealed read_sealed(const Path& folder, const std::string& stem);

}  // namespace elbo
