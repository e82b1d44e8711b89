// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/core/value.h"

namespace elbo {

/// A named set-up of the literature: a TOML file in configs/, embedded in the program.
struct Preset {
  std::string name;     ///< the file's stem
  std::string summary;  ///< one line
  std::string paper;
  std::string expect;  ///< the result expected of it, and on what
  Value values;        ///< the configuration alone
};

/// All presets, by name.
const std::vector<Preset>& presets();

/// Takes what a preset's file says beside the configuration out of it.
void drop_preset_texts(Value& file);

/// Throws Error(Code::usage) naming the nearest one.
const Preset& find_preset(const std::string& name);

}  // namespace elbo
