// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"
#include "app/cli/train_view.h"
#include "elbo/report/text_table.h"

namespace elbo::cli {
namespace {

struct EvalVerbOptions : EvalOptions, SelectOptions {
  int64_t threads = 0, seed = 0;
  void fields(Fields& f) {
    EvalOptions::fields(f);
    SelectOptions::fields(f);
    f("seed", seed, "of the evaluation's own noise", at_least(0));
    f("threads", threads, "threads to compute with; 0 uses every core", between(0, 1024));
  }
};

int run(const EvalVerbOptions& o, Call& call) {
  check_threads(o.threads);
  Run run = open_for_use(call.positionals[0], o.data);
  set_threads(o.threads);
  Selection selection = open_rows(run, call, o);
  if (o.limit > 0 && o.limit < selection.data->size()) {
    call.console.tell("", fmt::format("the first {} of them", with_commas(o.limit)));
  }
  Evaluation evaluation = evaluate(*run.trained.model, *run.trained.pipeline, *selection.data, o,
                                   static_cast<uint64_t>(o.seed));
  std::vector<Row> rows;
  for (const Metric& m : evaluation.metrics) {
    NumberText number = format_number(m.value, m.se);
    rows.push_back(
        {m.name, number.value, number.se.empty() ? "" : "± " + number.se, m.unit, m.help});
  }
  call.console.result(text_table({}, rows));
  tell_notes(evaluation, call.console);
  Value document = evaluation.to_value();
  document["split"] = selection.split;
  call.console.document(document);
  return 0;
}

}  // namespace

Verb eval_verb() {
  return make_verb<EvalVerbOptions>("eval", "RUN [DATA]", "measure a model on held-out data", 1, 2,
                                    false, run);
}

}  // namespace elbo::cli
