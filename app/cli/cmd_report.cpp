// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"
#include "app/cli/train_view.h"

namespace elbo::cli {
namespace {

int run(const MovedData& o, Call& call) {
  Run run = open_for_use(call.positionals[0], o.data);
  DataSource data = open_for(run, "");
  RunSummary summary = summarise(call.positionals[0], true, &data);
  tell_findings(summary.findings, call.console);
  call.console.tell("best", summary.headline);
  tell_notes(summary.evaluation, call.console);
  call.console.result(summary.report.string());
  call.console.document(summary.to_value());
  return 0;
}

}  // namespace

Verb report_verb() {
  return make_verb<MovedData>(
      "report", "RUN", "measure a run and write its report.html and plots/ anew", 1, 1, false, run);
}

}  // namespace elbo::cli
