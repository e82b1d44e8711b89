// SPDX-License-Identifier: Apache-2.0
#include <map>

#include "app/cli/commands.h"
#include "app/cli/config_sources.h"
#include "app/cli/train_view.h"
#include "elbo/report/text_table.h"
#include "elbo/tasks/tables.h"

namespace elbo::cli {
namespace {

constexpr size_t kColumnsShown = 40;  // of which nothing is to be said

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

/// What became of each column of the source that is not a column of numbers like any other.
std::string columns_text(const std::vector<ColumnReport>& reports,
                         const std::vector<ColumnStatistics>& statistics) {
  std::map<std::string, std::vector<std::string>> flags;
  for (const ColumnStatistics& c : statistics) flags[c.name] = c.flags;
  std::vector<Row> rows;
  size_t plain = 0;
  for (const ColumnReport& report : reports) {
    std::vector<std::string> all = report.flags;
    for (const std::string& flag : flags[report.name]) {
      if (flag != "constant") all.push_back(flag);  // the reader says so with the value
    }
    std::string why = report.why;
    for (const std::string& flag : all) why += (why.empty() ? "" : "; ") + flag;
    bool is_plain = report.role == "feature" && report.taken_as == "numbers" && why.empty();
    plain += is_plain;
    if (!is_plain || reports.size() <= kColumnsShown) {
      rows.push_back({report.name, report.role, report.taken_as, why});
    }
  }
  if (rows.size() < reports.size())
    rows.push_back({fmt::format("and {} others", plain), "feature", "numbers"});
  return text_table({"column", "role", "taken as", "why, and what is odd"}, rows);
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
                  const std::vector<int64_t>& counts, int64_t duplicates) {
  Value out;
  out["schema"] = plan.data.schema.to_value();
  out["format"] = plan.data.format;
  out["train"] = plan.data.train->size();
  out["valid"] = plan.data.valid ? plan.data.valid->size() : 0;
  out["test"] = plan.data.test ? plan.data.test->size() : 0;
  Value::List list;
  for (const ColumnStatistics& c : columns) list.push_back(c.to_value());
  Value::List reports;
  for (const ColumnReport& report : plan.data.column_reports) reports.push_back(report.to_value());
  out["source_columns"] = reports;
  out["notes"] = Value::list(plan.data.notes);
  out["duplicated_rows"] = duplicates;
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
  int64_t duplicates = duplicated_rows(*plan.data.train);
  std::string text;
  for (const auto& [label, line] : plan_lines(plan)) text += fmt::format("{:<7} {}\n", label, line);
  for (const std::string& note : plan.data.notes) text += fmt::format("{:<7} {}\n", "note", note);
  if (duplicates > 0) {
    text += fmt::format("{:<7} {} to train on equal to one before\n", "note",
                        counted(duplicates, "row"));
  }
  for (const std::string& reason : plan.why) text += fmt::format("{:<7} {}\n", "why", reason);
  text += "\n" + statistics_text(columns, schema.kind == "image");
  if (!plan.data.column_reports.empty()) {
    text += "\n" + columns_text(plan.data.column_reports, columns);
  }
  if (!counts.empty()) text += "\n" + labels_text(schema, counts);
  call.console.result(text);
  call.console.document(document_of(plan, columns, counts, duplicates));
  return 0;
}

}  // namespace

Verb describe_verb() {
  return make_verb<ConfigSources>(
      "describe", "DATA", "what data is, what would be trained on it and why", 1, 1, true, run);
}

}  // namespace elbo::cli
