// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "elbo/tasks/doctor.h"

namespace elbo::cli {
namespace {

int run(const NoOptions&, Call& call) {
  std::vector<Finding> findings = examine_run(call.positionals[0]);
  Value::List list;
  for (const Finding& finding : findings) {
    call.console.result(fmt::format("{:<4}  {}", finding.level, finding.text));
    Value one;
    one["level"] = finding.level;
    one["text"] = finding.text;
    list.push_back(std::move(one));
  }
  Value document;
  document["findings"] = list;
  call.console.document(document);
  return 0;
}

}  // namespace

Verb doctor_verb() {
  return make_verb<NoOptions>("doctor", "RUN", "say what is well and what is wrong with a run", 1,
                              1, false, run);
}

}  // namespace elbo::cli
