// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/tables.h"

#include <algorithm>
#include <cmath>
#include <string_view>
#include <unordered_map>
#include <unordered_set>

namespace elbo {
namespace {

constexpr int64_t kColumnsShown = 30, kExamplesShown = 3, kRowsCompared = 2000;
constexpr size_t kMostDistinct = 1000;
constexpr double kHidden = -1.2345678e-30;  // stands for a missing cell where rows are compared

std::string cell(double v) { return format_number(v).value; }

std::string more_text(int64_t columns) {
  return fmt::format("and {} more", columns - kColumnsShown);
}

/// One column of x [N, D] and its mask, flattened: what is observed, as doubles.
std::vector<double> observed(const Tensor& x, const Tensor& mask) {
  Tensor values = x.to(at::kDouble).flatten();
  if (mask.defined()) values = values.masked_select(mask.flatten() > 0);
  values = values.contiguous();
  return {values.data_ptr<double>(), values.data_ptr<double>() + values.numel()};
}

/// Whether values are whole numbers of which none comes twice, as ids are.
bool are_like_ids(std::vector<double> values) {
  constexpr size_t kLeastRows = 20;
  constexpr double kLargest = 9e15;  // beyond, every f64 is whole
  bool are_whole = std::all_of(values.begin(), values.end(), [](double v) {
    return v == std::floor(v) && std::abs(v) < kLargest;
  });
  if (!are_whole || values.size() < kLeastRows) return false;
  std::sort(values.begin(), values.end());
  return std::adjacent_find(values.begin(), values.end()) == values.end();
}

/// A hash of numbers in their order.
size_t hash_of(std::span<const double> values) {
  return std::hash<std::string_view>()(
      {reinterpret_cast<const char*>(values.data()), values.size_bytes()});
}

ColumnStatistics statistics_of(std::string name, const std::vector<double>& values, int64_t cells) {
  ColumnStatistics out;
  out.name = std::move(name);
  out.missing = cells - static_cast<int64_t>(values.size());
  if (values.empty()) return out;
  out.min = out.max = values[0];
  std::unordered_set<double> distinct;
  double sum = 0, squares = 0;
  for (double v : values) {
    out.min = std::min(out.min, v);
    out.max = std::max(out.max, v);
    sum += v;
    if (distinct.size() < kMostDistinct) distinct.insert(v);
  }
  out.mean = sum / static_cast<double>(values.size());
  for (double v : values) squares += (v - out.mean) * (v - out.mean);
  out.sd = std::sqrt(squares / static_cast<double>(values.size()));
  out.distinct = static_cast<int64_t>(distinct.size());
  if (out.min == out.max && values.size() > 1) out.flags.push_back("constant");
  if (are_like_ids(values)) out.flags.push_back("another whole number in every row");
  return out;
}

}  // namespace

std::string column_name(const Schema& schema, int64_t column) {
  auto c = static_cast<size_t>(column);
  return c < schema.columns.size() ? schema.columns[c] : fmt::format("column {}", column + 1);
}

TextTable reconstruction_table(const Scene& scene) {
  const Schema& schema = scene.run.trained.schema;
  std::vector<int64_t> rows =
      spaced_rows(scene.data.size(), std::min(kExamplesShown, scene.data.size()));
  Reconstruction found = reconstruct(scene.run, scene.data, rows);
  TextTable out;
  out.header = {"column"};
  std::vector<std::string> ids = scene.data.ids(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    std::string name = fmt::format("row {}", scene.data.source_row(rows[i]) + 1);
    if (i < ids.size()) name += fmt::format(" ({})", ids[i]);
    out.header.push_back(std::move(name));
    out.header.push_back("model");
  }
  for (int64_t c = 0; c < std::min(schema.size(), kColumnsShown); ++c) {
    Row line = {column_name(schema, c)};
    for (int64_t r = 0; r < found.x.size(0); ++r) {
      bool missing = found.mask.defined() && found.mask[r][c].item<float>() == 0;
      line.push_back(missing ? "" : cell(found.x[r][c].item<double>()));
      line.push_back(cell(found.result[r][c].item<double>()));
    }
    out.rows.push_back(std::move(line));
  }
  if (schema.size() > kColumnsShown) out.rows.push_back({more_text(schema.size())});
  return out;
}

DataAndDraws data_and_draws(const Scene& scene) {
  const int64_t most = rows_at_once(scene.run.trained.schema, kRowsCompared);
  Batch batch = scene.data.get(spaced_rows(scene.data.size(), most));
  SampleOptions options;
  options.count = most;
  options.decode = "sample";
  options.seed = scene.run.config.seed;
  return {batch.x.to(at::kDouble), batch.mask, sample(scene.run, options).x.to(at::kDouble)};
}

std::vector<double> DataAndDraws::data_column(int64_t column) const {
  return observed(data.select(1, column), mask.defined() ? mask.select(1, column) : Tensor());
}
std::vector<double> DataAndDraws::drawn_column(int64_t column) const {
  return observed(drawn.select(1, column), {});
}

TextTable moments_table(const Schema& schema, const DataAndDraws& both) {
  TextTable out{{"column", "data mean", "model mean", "data sd", "model sd"}, {}};
  for (int64_t c = 0; c < std::min(schema.size(), kColumnsShown); ++c) {
    ColumnStatistics data = statistics_of("", both.data_column(c), both.data.size(0));
    ColumnStatistics model = statistics_of("", both.drawn_column(c), both.drawn.size(0));
    out.rows.push_back(
        {column_name(schema, c), cell(data.mean), cell(model.mean), cell(data.sd), cell(model.sd)});
  }
  if (schema.size() > kColumnsShown) out.rows.push_back({more_text(schema.size())});
  return out;
}

Value ColumnStatistics::to_value() const {
  Value out;
  out["name"] = name;
  out["missing"] = missing;
  out["distinct"] = distinct;
  out["min"] = min;
  out["mean"] = mean;
  out["sd"] = sd;
  out["max"] = max;
  out["flags"] = Value::list(flags);
  return out;
}

std::vector<ColumnStatistics> column_statistics(const Dataset& data, int64_t max_rows) {
  const Schema& schema = data.schema();
  bool is_image = schema.kind == "image";
  max_rows = rows_at_once(schema, is_image ? std::min<int64_t>(max_rows, 2000) : max_rows);
  Batch batch = data.get(spaced_rows(data.size(), max_rows));
  std::vector<ColumnStatistics> out;
  std::unordered_map<size_t, std::string> by_hash;
  for (int64_t c = 0; c < schema.shape[0]; ++c) {
    static constexpr const char* kChannels[] = {"red", "green", "blue"};
    std::string name = !is_image              ? column_name(schema, c)
                       : schema.shape[0] == 3 ? std::string(kChannels[c])
                                              : std::string("grey");
    Tensor mask = batch.mask.defined() ? batch.mask.select(1, c) : Tensor();
    Tensor x = batch.x.select(1, c);
    std::vector<double> values = observed(x, mask);
    out.push_back(statistics_of(name, values, x.numel()));
    bool is_compared = !is_image && out.back().min < out.back().max;
    if (!is_compared) continue;
    auto [first, is_new] = by_hash.try_emplace(hash_of(values), name);
    if (!is_new) out.back().flags.push_back(fmt::format("the same as '{}'", first->second));
  }
  return out;
}

namespace {

/// Visits a hash of each row; missing cells are equal to each other.
template <class Visit>
void for_each_row_hash(const Dataset& data, Visit visit) {
  for_each_batch(data, rows_at_once(data.schema(), 4096), [&](const Batch& batch) {
    Tensor x = batch.x;
    if (batch.mask.defined()) x = x.masked_fill(batch.mask == 0, kHidden);
    x = x.to(at::kDouble).flatten(1).contiguous();
    auto width = static_cast<size_t>(x.size(1));
    for (int64_t r = 0; r < x.size(0); ++r) {
      visit(hash_of({x.data_ptr<double>() + static_cast<size_t>(r) * width, width}));
    }
  });
}

}  // namespace

int64_t duplicated_rows(const Dataset& data) {
  std::unordered_set<size_t> seen;
  int64_t out = 0;
  for_each_row_hash(data, [&](size_t hash) { out += !seen.insert(hash).second; });
  return out;
}

int64_t shared_rows(const Dataset& data, const Dataset& other) {
  std::unordered_set<size_t> seen;
  for_each_row_hash(other, [&](size_t hash) { seen.insert(hash); });
  int64_t out = 0;
  for_each_row_hash(data, [&](size_t hash) { out += seen.contains(hash); });
  return out;
}

std::vector<int64_t> label_counts(const Dataset& data) {
  std::vector<int64_t> out(data.schema().labels.size());
  std::vector<int64_t> rows = spaced_rows(data.size(), 0);
  auto most = static_cast<size_t>(rows_at_once(data.schema(), 4096));
  for (size_t begin = 0; begin < rows.size() && !out.empty(); begin += most) {
    std::span<const int64_t> some(rows.data() + begin, std::min(most, rows.size() - begin));
    Tensor y = data.get(some).y;
    if (!y.defined()) continue;
    const int64_t* label = y.data_ptr<int64_t>();
    for (int64_t i = 0; i < y.size(0); ++i) ++out.at(static_cast<size_t>(label[i]));
  }
  return out;
}

}  // namespace elbo
