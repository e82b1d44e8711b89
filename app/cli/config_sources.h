// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "app/cli/verb.h"

namespace elbo::cli {

/// Where a configuration comes from, for verbs that make a plan.
struct ConfigSources {
  std::string preset, config;
  std::vector<std::string> set;
  void fields(Fields& f) {
    f("preset", preset, "start from a named set-up; `elbo presets` lists them");
    f("config", config, "a TOML file of options");
    f("set", set, "key=value; may be given again");
  }
};

/// Preset, file, environment and command line, in this order; the first positional is data.path.
std::vector<ConfigLayer> layers_of(const ConfigSources& sources, const Call& call);

}  // namespace elbo::cli
