// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "elbo/tasks/inspect.h"

namespace elbo::cli {
namespace {

int run(const NoOptions&, Call& call) {
  Inspection found = inspect(call.positionals[0]);
  std::vector<Row> facts;
  for (const auto& [name, text] : found.facts) facts.push_back({name, text});
  std::string text = text_table({}, facts);
  if (!found.rows.empty()) text += "\n" + text_table(found.header, found.rows);
  call.console.result(text);
  call.console.document(found.value);
  return 0;
}

}  // namespace

Verb info_verb() {
  return make_verb<NoOptions>("info", "RUN|FILE", "what is in a run, a model or a file of data", 1,
                              1, false, run);
}

}  // namespace elbo::cli
