// SPDX-License-Identifier: Apache-2.0
#include "app/cli/config_sources.h"

#include "elbo/tasks/presets.h"

namespace elbo::cli {

std::vector<ConfigLayer> layers_of(const ConfigSources& o, const Call& call) {
  std::vector<ConfigLayer> layers;
  if (!o.preset.empty()) layers.push_back({"preset " + o.preset, find_preset(o.preset).values});
  if (!o.config.empty()) {
    Value file = parse_toml(read_text(o.config, 1 << 20, Code::usage), o.config);
    drop_preset_texts(file);
    layers.push_back({o.config, file});
  }
  layers.push_back(environment_layer());
  ConfigLayer set{"command line", Value::table()};
  for (const std::string& setting : o.set) {
    size_t equals = setting.find('=');
    ELBO_CHECK(equals != std::string::npos && equals > 0, Code::usage,
               "--set: expected key=value, got '{}'", setting);
    Value layer = Value::table();
    std::string key = setting.substr(0, equals);
    try {
      layer.set_path(key, parse_setting(setting.substr(equals + 1)));
    } catch (const Error& e) {
      fail(Code::usage, "--set {}: {}", key, e.message());
    }
    set.values = merge(set.values, layer);
  }
  set.values = merge(set.values, call.config.values);
  if (!call.positionals.empty()) set.values["data"]["path"] = call.positionals[0];
  layers.push_back(set);
  return layers;
}

}  // namespace elbo::cli
