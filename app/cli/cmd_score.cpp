// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/result.h"
#include "elbo/tasks/score.h"

namespace elbo::cli {
namespace {

struct ScoreVerbOptions : ScoreOptions, SelectOptions, OutputOptions {
  void fields(Fields& f) {
    ScoreOptions::fields(f);
    SelectOptions::fields(f);
    OutputOptions::fields(f);
  }
};

int run(const ScoreVerbOptions& o, Call& call) {
  Run run = open_for_use(call.positionals[0], o.data);
  OutputFile file = table_file(o, "scores", call.console);
  Selection selection = open_rows(run, call, o);
  Scorer scorer(run, selection.data, o);
  std::vector<std::string> columns = scorer.names();
  for (const std::string& name : scorer.share_names()) columns.push_back(name);
  auto make = [&](std::span<const int64_t> some) {
    Scores found = scorer.at(some);
    Tensor all = found.shares.defined() ? at::cat({found.values, found.shares}, 1) : found.values;
    Output out{{{"scores", all}}, columns, selection.keys(some, found.y), {}};
    for (size_t i = 0; i < scorer.names().size(); ++i) {
      out.arrays.emplace_back(scorer.names()[i], found.values.select(1, static_cast<int64_t>(i)));
    }
    if (found.shares.defined()) out.arrays.emplace_back("shares", found.shares);
    if (found.y.defined()) out.arrays.emplace_back("y", found.y);
    out.arrays.emplace_back("row", at::tensor(selection.numbers(some), at::kLong));
    return out;
  };
  const std::string unit = scorer.units().nats();
  call.console.tell("unit",
                    unit + (unit == "nats" || unit == kDataUnits
                                ? ""
                                : "; kl in nats, _data_units in " + std::string(kDataUnits)));
  for (const std::string& note : scorer.notes()) call.console.tell("note", note);
  Value more;
  more["unit"] = unit;
  more["split"] = selection.split;
  more["columns"] = Value::list(columns);
  return finish_rows(file, o, selection.schema, spaced_rows(selection.data->size(), 0), make, more,
                     call.console);
}

}  // namespace

Verb score_verb() {
  return make_verb<ScoreVerbOptions>(
      "score", "RUN [DATA] [-o FILE]",
      "how well a model explains each row, and which of its columns it does not", 1, 2, false, run);
}

}  // namespace elbo::cli
