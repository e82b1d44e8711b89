// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "elbo/report/text_table.h"
#include "elbo/tasks/presets.h"

namespace elbo::cli {
namespace {

Value to_value(const Preset& preset) {
  Value out;
  out["name"] = preset.name;
  out["summary"] = preset.summary;
  out["paper"] = preset.paper;
  out["expect"] = preset.expect;
  out["values"] = preset.values;
  return out;
}

int run(const NoOptions&, Call& call) {
  if (!call.positionals.empty()) {
    const Preset& preset = find_preset(call.positionals[0]);
    call.console.result(fmt::format("{}\npaper   {}\nexpect  {}\n\n{}", preset.summary,
                                    preset.paper, preset.expect, to_toml(preset.values)));
    call.console.document(to_value(preset));
    return 0;
  }
  std::vector<Row> rows;
  Value::List list;
  for (const Preset& preset : presets()) {
    rows.push_back({preset.name, preset.summary, preset.expect});
    list.push_back(to_value(preset));
  }
  call.console.result(text_table({"preset", "what it is", "what to expect"}, rows));
  call.console.document(list);
  return 0;
}

}  // namespace

Verb presets_verb() {
  return make_verb<NoOptions>("presets", "[NAME]", "named set-ups of the literature", 0, 1, false,
                              run);
}

}  // namespace elbo::cli
