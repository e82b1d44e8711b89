// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/presets.h"

#include <algorithm>

#include "elbo/core/fields.h"

namespace elbo {

/// Written by cmake/EmbedPresets.cmake: {name, text} pairs up to a null name.
extern const char* const kPresetFiles[][2];

namespace {

Preset parse_preset(const std::string& name, const char* text) {
  Value file = parse_toml(text, name + ".toml");
  Preset out{name, file.at("summary").as_string(), file.at("paper").as_string(),
             file.at("expect").as_string(), Value()};
  drop_preset_texts(file);
  out.values = std::move(file);
  return out;
}

}  // namespace

void drop_preset_texts(Value& file) {
  for (const char* key : {"summary", "paper", "expect"}) file.erase(key);
}

const std::vector<Preset>& presets() {
  static const std::vector<Preset> all = [] {
    std::vector<Preset> out;
    for (auto* file = kPresetFiles; (*file)[0]; ++file)
      out.push_back(parse_preset((*file)[0], (*file)[1]));
    return out;
  }();
  return all;
}

const Preset& find_preset(const std::string& name) {
  std::vector<std::string> names;
  for (const Preset& preset : presets()) {
    if (preset.name == name) return preset;
    names.push_back(preset.name);
  }
  fail(Code::usage, "unknown preset '{}'{}", name, suggestion(name, names));
}

}  // namespace elbo
