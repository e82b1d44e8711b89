// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/train_view.h"

namespace elbo::cli {
namespace {

struct ResumeOptions {
  bool report = true;
  void fields(Fields& f) { f("report", report, "write report.html at the end"); }
};

int run(const ResumeOptions& o, Call& call) {
  Path folder = call.positionals[0];
  TrainView view(call.console, open_config(folder).train.epochs);
  return finish_run(resume_run(folder, &view, stop_flag()), o.report, call.console);
}

}  // namespace

Verb resume_verb() {
  return make_verb<ResumeOptions>(
      "resume", "RUN", "take up a run where its last checkpoint left it", 1, 1, false, run);
}

}  // namespace elbo::cli
