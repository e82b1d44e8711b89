// SPDX-License-Identifier: Apache-2.0
#include "app/cli/commands.h"
#include "app/cli/config_sources.h"
#include "app/cli/train_view.h"
#include "elbo/report/text_table.h"
#include "elbo/tasks/tables.h"

namespace elbo::cli {
namespace {

std::string number(double v) { return format_number(v).value; }

std::string statistics_text(const std::vector<ColumnStatistics>& columns, bool is_image) {
  std::vector<Row> rows;
  for (const ColumnStatistics& c : columns) {
    std::string distinct = c.distinct >= 1000 ? "1,000+" : with_commas(c.distinct);
    rows.push_back({c.name, number(c.min), number(c.mean), number(c.sd), number(c.max),
                    with_commas(c.missing), distinct});
  }
  return text_table(
      {is_image ? "channel" : "column", "min", "mean", "sd", "max", "missing", "distinct"}, rows);
}

std::string labels_text(const Schema& schema, const std::vector<int64_t>& counts) {
  constexpr size_t kShown = 30;
  std::vector<Row> rows;
  for (size_t i = 0; i < std::min(counts.size(), kShown); ++i) {
    rows.push_back({schema.labels[i], with_commas(counts[i])});
  }
  if (counts.size() > kShown)
    rows.push_back({fmt::format("and {} more", counts.size() - kShown), ""});
  return text_table({schema.target.empty() ? "label" : schema.target, "train rows"}, rows);
}

Value document_of(const Plan& plan, const std::vector<ColumnStatistics>& columns,
                  const std::vector<int64_t>& counts) {
  Value out;
  out["schema"] = plan.data.schema.to_value();
  out["format"] = plan.data.format;
  out["train"] = plan.data.train->size();
  out["valid"] = plan.data.valid ? plan.data.valid->size() : 0;
  out["test"] = plan.data.test ? plan.data.test->size() : 0;
  Value::List list;
  for (const ColumnStatistics& c : columns) list.push_back(c.to_value());
  out["columns"] = list;
  out["label_counts"] = Value::list(counts);
  out["why"] = Value::list(plan.why);
  out["parameters"] = parameter_count(*plan.fresh.model);
  out["config"] = plan.resolved.values;
  return out;
}

int run(const ConfigSources& o, Call& call) {
  Plan plan = make_plan(layers_of(o, call));
  const Schema& schema = plan.data.schema;
  std::vector<ColumnStatistics> columns = column_statistics(*plan.data.train);
  std::vector<int64_t> counts = label_counts(*plan.data.train);
  std::string text;
  for (const auto& [label, line] : plan_lines(plan)) text += fmt::format("{:<7} {}\n", label, line);
  for (const std::string& reason : plan.why) text += fmt::format("{:<7} {}\n", "why", reason);
  text += "\n" + statistics_text(columns, schema.kind == "image");
  if (!counts.empty()) text += "\n" + labels_text(schema, counts);
  call.console.result(text);
  call.console.document(document_of(plan, columns, counts));
  return 0;
}

}  // namespace

Verb describe_verb() {
  return make_verb<ConfigSources>(
      "describe", "DATA", "what data is, what would be trained on it and why", 1, 1, true, run);
}

}  // namespace elbo::cli
