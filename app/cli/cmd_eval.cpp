// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"
#include "elbo/report/text_table.h"

namespace elbo::cli {
namespace {

struct EvalVerbOptions : EvalOptions {
  int64_t threads = 0, seed = 0;
  void fields(Fields& f) {
    EvalOptions::fields(f);
    f("seed", seed, "of the evaluation's own noise", at_least(0));
    f("threads", threads, "threads to compute with; 0 uses every core", between(0, 1024));
  }
};

int run(const EvalVerbOptions& o, Call& call) {
  set_threads(o.threads);
  Run run = open_run(call.positionals[0]);
  std::string path = call.positionals.size() > 1 ? call.positionals[1] : "";
  DataSource data = open_for(run, path);
  tell_notes(data, run, path, call.console);
  std::string split;
  DatasetPtr held_out = held_out_split(data, split);
  if (split == "train" && !is_own_data(run, path)) split.clear();  // it was not trained on these
  int64_t n = o.limit > 0 ? std::min(o.limit, held_out->size()) : held_out->size();
  call.console.tell(
      "eval", fmt::format("{} on {} of {}", run.folder.string(),
                          counted(n, split.empty() ? "row" : split + " row"), data.schema.name));
  Evaluation evaluation = evaluate(*run.trained.model, *run.trained.pipeline, *held_out, o,
                                   static_cast<uint64_t>(o.seed));
  std::vector<Row> rows;
  for (const Metric& m : evaluation.metrics) {
    NumberText number = format_number(m.value, m.se);
    rows.push_back(
        {m.name, number.value, number.se.empty() ? "" : "± " + number.se, m.unit, m.help});
  }
  call.console.result(text_table({}, rows));
  call.console.document(evaluation.to_value());
  return 0;
}

}  // namespace

Verb eval_verb() {
  return make_verb<EvalVerbOptions>("eval", "RUN [DATA]", "measure a model on held-out data", 1, 2,
                                    false, run);
}

}  // namespace elbo::cli
