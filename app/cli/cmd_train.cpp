// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "app/cli/commands.h"
#include "app/cli/config_sources.h"
#include "app/cli/train_view.h"
#include "elbo/report/text_table.h"
#include "elbo/tasks/report.h"
#include "elbo/tasks/run.h"

namespace elbo::cli {
namespace {

struct TrainVerbOptions : ConfigSources {
  std::string output;
  bool dry_run = false, print_config = false, report = true;
  void fields(Fields& f) {
    ConfigSources::fields(f);
    f("output", output, "the run folder to make; counts up, never overwrites");
    f("dry_run", dry_run, "show the plan, make two true steps, save, load and stop");
    f("print_config", print_config,
      "show every option, its value and where it came from, and stop");
    f("report", report, "write report.html at the end");
  }
};

int print_config(const ResolvedConfig& resolved, Console& console) {
  std::vector<Row> rows;
  Value document = Value::table();
  RunConfig config = resolved.config;
  Fields fields;
  config.fields(fields);
  for (const Field& field : fields.all()) {
    std::string origin = resolved.origins.at(field.name);
    rows.push_back({field.name, to_toml_inline(field.get()), origin});
    document[field.name]["value"] = field.get();
    document[field.name]["origin"] = origin;
  }
  console.result(text_table({"option", "value", "from"}, rows));
  console.document(document);
  return 0;
}

/// A folder that goes when it is no longer needed, with its parent where that was not there before.
struct TemporaryFolder {
  TemporaryFolder(const Path& parent, const std::string& name)
      : made_parent(!std::filesystem::exists(parent)), path(make_unique_folder(parent, name)) {}
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path, ignored);
    if (made_parent) std::filesystem::remove(path.parent_path(), ignored);  // when it is empty
  }
  bool made_parent;
  Path path;
};

/// Two true steps on the first rows, a save and a load, in a folder that is removed again.
void try_out(Plan& plan, const Path& parent, Console& console) {
  Plan small = plan;
  auto rows = std::min<int64_t>(plan.data.train->size(), 2 * plan.resolved.config.train.batch);
  std::vector<int64_t> first(static_cast<size_t>(rows));
  for (size_t i = 0; i < first.size(); ++i) first[i] = static_cast<int64_t>(i);
  small.data.train = subset(plan.data.train, first);
  small.data.test = nullptr;
  if (plan.data.valid) small.data.valid = subset(plan.data.valid, {0});
  small.resolved.config.train.epochs = 1;
  small.resolved.values["train"]["epochs"] = 1;
  TemporaryFolder folder(parent, "dry-run");
  read_model(train_run(small, folder.path, "run", nullptr, nullptr).folder / "best");
  console.tell("dry run", "two steps made, the model saved and loaded; nothing is left behind");
  Value document;
  document["dry_run"] = true;
  document["parameters"] = parameter_count(*plan.fresh.model);
  document["config"] = plan.resolved.values;
  console.document(document);
}

void tell_start(const Plan& plan, Console& console) {
  const std::string& init = plan.resolved.config.init;
  if (init.empty()) return;
  console.tell("init", fmt::format("weights of {}, with the transforms it learned", init));
}

int run(const TrainVerbOptions& o, Call& call) {
  std::string asked = Path(o.output).filename().string();
  ELBO_CHECK(o.output.empty() || (!asked.empty() && asked != "." && asked != ".."), Code::usage,
             "--output: '{}' names no folder to make", o.output);
  Plan plan = make_plan(layers_of(o, call));
  if (o.print_config) return print_config(plan.resolved, call.console);
  tell_plan(plan, call.console);
  tell_start(plan, call.console);
  Path output = o.output.empty() ? Path("runs") / plan.data.schema.name : Path(o.output);
  Path parent = output.has_parent_path() ? output.parent_path() : Path(".");
  std::string name = output.filename().string();
  if (o.dry_run) return try_out(plan, parent, call.console), 0;
  TrainView view(call.console, plan.resolved.config.train.epochs);
  RunResult result = train_run(plan, parent, name, &view, stop_flag());
  return finish_run(result, o.report, call.console);
}

}  // namespace

int finish_run(const RunResult& result, bool report, Console& console) {
  std::string folder = result.folder.string();
  if (result.ending == Ending::stopped) {
    console.tell("stopped", "take it up again with: elbo resume " + folder);
    Value document;
    document["run"] = folder;
    document["stopped"] = true;
    console.document(document);
    return static_cast<int>(Code::stopped);
  }
  RunSummary summary = summarise(result.folder, report, &result.data);
  tell_summary(summary, console);
  console.document(summary.to_value());
  return 0;
}

Verb train_verb() {
  return make_verb<TrainVerbOptions>("train", "DATA [--preset NAME] [--set key=value ...] [-o RUN]",
                                     "learn a model from data and write a report", 0, 1, true, run);
}

}  // namespace elbo::cli
