// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <vector>

#include "elbo/data/source.h"
#include "elbo/eval/evaluate.h"
#include "elbo/models/model.h"
#include "elbo/objectives/objective.h"
#include "elbo/train/trainer.h"

namespace elbo {

/// Everything a run is made from: what config.toml holds.
struct RunConfig {
  DataOptions data;
  ModelOptions model;
  ObjectiveOptions objective;
  TrainOptions train;
  EvalOptions eval;
  std::string init;
  int64_t seed = 0;
  int64_t threads = 0;
  std::string device = "cpu";
  void fields(Fields& f);
};

/// Some options and where they came from.
struct ConfigLayer {
  std::string
      origin;  ///< "default", "data", "preset vae", "run.toml", "environment", "command line"
  Value values;
};

/// A configuration and the origin of each of its values.
struct ResolvedConfig {
  RunConfig config;
  Value values;                                ///< all of them, nested
  std::map<std::string, std::string> origins;  ///< by dotted key
};

/// Lays the layers over each other, later ones winning. Throws Error(Code::usage) for an unknown
/// key or bad value, starting with the layer's origin.
ResolvedConfig resolve(const std::vector<ConfigLayer>& layers);

/// The value of a field as typed on a command line or in the environment.
Value parse_text(const Field& field, const std::string& text);

/// ELBO_TRAIN_EPOCHS=3 and its like. Throws Error(Code::usage) for an ELBO_ name that is no option.
ConfigLayer environment_layer();

/// What would be trained on data nobody has said anything about: the contents of the preset that
/// suits it (vae for small grey images, image for others, table), fitted to what `upper` already
/// decides. `why` gives the reasons, one to a line.
ConfigLayer suggest(const DataSource& data, const Value& upper, std::vector<std::string>& why);

}  // namespace elbo
