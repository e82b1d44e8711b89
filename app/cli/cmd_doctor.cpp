// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"
#include "elbo/tasks/doctor.h"

namespace elbo::cli {
namespace {

int run(const MovedData& o, Call& call) {
  std::vector<Finding> findings = examine_run(call.positionals[0], o.data);
  bool is_bad = false;
  for (const Finding& finding : findings) {
    call.console.result(fmt::format("{:<4}  {}", finding.level, finding.text));
    is_bad = is_bad || finding.level == "bad";
  }
  Value document;
  document["findings"] = findings_to_value(findings);
  call.console.document(document);
  return is_bad ? static_cast<int>(Code::failure) : 0;
}

}  // namespace

Verb doctor_verb() {
  return make_verb<MovedData>(
      "doctor", "RUN",
      "say what is well and what is wrong with a run; exits 1 where something is bad", 1, 1, false,
      run);
}

}  // namespace elbo::cli
