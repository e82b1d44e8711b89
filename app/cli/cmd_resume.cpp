// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/train_view.h"

namespace elbo::cli {
namespace {

struct ResumeVerbOptions : ResumeOptions {
  bool report = true;
  void fields(Fields& f) {
    f("epochs", epochs,
      "go on to so many epochs in all, also where the run is finished; schedules are over these; "
      "0: "
      "as config.toml says",
      at_least(0));
    f("patience", patience,
      "stop after this many epochs without improvement; 0 never; -1: as config.toml says",
      at_least(-1));
    f("data", data, "where the run's data lie now, if they have moved");
    f("report", report, "write report.html at the end");
  }
};

int run(const ResumeVerbOptions& o, Call& call) {
  Path folder = call.positionals[0];
  TrainView view(call.console, o.epochs > 0 ? o.epochs : open_config(folder).train.epochs);
  return finish_run(resume_run(folder, &view, stop_flag(), o), o.report, call.console);
}

}  // namespace

Verb resume_verb() {
  return make_verb<ResumeVerbOptions>("resume", "RUN [--epochs N]",
                                      "take up a run where its last checkpoint left it", 1, 1,
                                      false, run);
}

}  // namespace elbo::cli
