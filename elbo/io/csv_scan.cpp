// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/csv_scan.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

#include "elbo/io/text_encoding.h"

namespace elbo {
namespace {

constexpr double kNan = std::numeric_limits<double>::quiet_NaN();

bool parse_integer(std::string_view cell, int64_t& out) {
  if (cell.size() > 1 && cell[0] == '+' && cell[1] != '-') cell.remove_prefix(1);
  auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), out);
  return error == std::errc{} && end == cell.data() + cell.size();
}

/// A finite number as programs write it; of the others parse_number reads some.
bool parse_bare_number(std::string_view cell, double& out) {
  const char* end = cell.data() + cell.size();
  auto [at, error] = std::from_chars(cell.data(), end, out);
  return at == end && error == std::errc{} && std::isfinite(out);
}

std::vector<int64_t> event_of(const TablePlan& plan, const ReadRequest& request) {
  if (!request.image.empty()) return request.image;
  return {static_cast<int64_t>(plan.features.size())};
}

}  // namespace

bool is_empty_row(const std::vector<std::string_view>& cells) {
  if (cells.size() < 2 || !trim(cells[0]).empty()) return false;
  return std::all_of(cells.begin(), cells.end(), [](auto cell) { return trim(cell).empty(); });
}

TableScan::TableScan(const TablePlan& plan, const CsvFormat& format, const MissingTexts& missing,
                     const ReadRequest& request, const std::string& where, DType type)
    : plan_(plan),
      format_(format),
      is_missing_(missing),
      where_(where),
      cells_(plan.features.size()),
      values_(plan.features.size()),
      low_(plan.features.size(), std::numeric_limits<double>::infinity()),
      high_(plan.features.size(), -std::numeric_limits<double>::infinity()),
      error_(plan.features.size()),
      spool_(type, event_of(plan, request), request.in_memory, where),
      is_image_(type == DType::u8) {
  for (size_t c : plan.features) {
    readers_.emplace_back(plan.columns[c].meaning.code);
    is_plain_.push_back(readers_.back().is_plain() && !missing.has_numbers());
  }
  if (plan.target && !plan.target_is_text) {
    target_reader_.emplace(plan.columns[*plan.target].meaning.code);
  }
  for (size_t c = 0; c < plan.columns.size(); ++c) {
    const ColumnPlan& column = plan.columns[c];
    if (column.must_count || column.must_differ)
      claims_.push_back({.column = c, .must_count = column.must_count});
  }
}

void TableScan::read(CsvRows& rows) {
  for (bool any = true; any; any = rows.next()) {
    if (is_empty_row(rows.cells())) {
      ++empty_rows_;
      continue;
    }
    read_features(rows);
    if (plan_.target) read_target(trim(rows.cells()[*plan_.target]), rows.line());
    if (plan_.id) ids_.push_back(to_utf8(trim(rows.cells()[*plan_.id]), was_not_utf8_));
    for (Claim& claim : claims_) check_claim(claim, trim(rows.cells()[claim.column]));
    ++rows_;
  }
  for (size_t f = 0; f < cells_.size(); ++f) {
    if (low_[f] > high_[f]) continue;  // nothing but missing cells
    cells_[f].low = low_[f];
    cells_[f].high = high_[f];
    cells_[f].error = error_[f];
  }
}

void TableScan::read_features(const CsvRows& rows) {
  const auto& cells = rows.cells();
  const size_t n = values_.size();
  const size_t* features = plan_.features.data();
  for (size_t f = 0; f < n; ++f) {
    std::string_view cell = cells[features[f]];
    if (is_plain_[f] && parse_bare_number(cell, values_[f])) continue;
    values_[f] = read_odd_cell(f, trim(cell));
  }
  for (size_t f = 0; f < n; ++f) {  // NaN compares false
    double v = values_[f], error = std::abs(v - static_cast<double>(static_cast<float>(v)));
    low_[f] = v < low_[f] ? v : low_[f];
    high_[f] = v > high_[f] ? v : high_[f];
    error_[f] = error > error_[f] ? error : error_[f];
  }
  for (size_t f = 0; are_bytes_ && f < n; ++f) {
    double v = values_[f];
    are_bytes_ = v >= 0 && v <= 255 && v == static_cast<double>(static_cast<int>(v));
  }
  if (is_image_ && !are_bytes_) check_pixels(rows);
  spool_.add(values_);
}

/// A cell that is no plain number, or of a column that holds others.
double TableScan::read_odd_cell(size_t feature, std::string_view cell) {
  FeatureCells& column = cells_[feature];
  double value = 0;
  // What the user counts as missing may be a value otherwise; the usual words are none.
  bool is_value = !is_missing_.has_added() && readers_[feature].read(cell, value);
  if (is_value && std::isfinite(value)) return value;
  if (is_missing_(cell)) {
    ++column.missing;
    constexpr size_t kMostTexts = 20;
    std::string text = lower(to_utf8(cell, was_not_utf8_));
    bool is_new = !column.missing_texts.count(text);
    if (!is_new || column.missing_texts.size() < kMostTexts) ++column.missing_texts[text];
    return kNan;
  }
  if (readers_[feature].read(cell, value) && std::isfinite(value)) return value;
  column.has_others = true;
  return kNan;
}

void TableScan::check_pixels(const CsvRows& rows) const {
  for (size_t f = 0; f < values_.size(); ++f) {
    double v = values_[f];
    ELBO_CHECK(v >= 0 && v <= 255 && v == std::floor(v), Code::data,
               "{}:{}: column '{}': '{}' is no pixel, expected a whole number from 0 to 255\n"
               "Mend the cell, or leave --image out to read a table.",
               where_, rows.line(), plan_.columns[plan_.features[f]].name,
               rows.cells()[plan_.features[f]].substr(0, 60));
  }
}

void TableScan::read_target(std::string_view cell, int64_t line) {
  ELBO_CHECK(!is_missing_(cell), Code::data,
             "{}:{}: column '{}': the target is missing ('{}')\nRemove the row, or fill the cell "
             "in.",
             where_, line, plan_.columns[*plan_.target].name, cell);
  if (target_reader_) {
    double value = 0;
    int64_t integer = 0;
    if (!target_reader_->read(cell, value)) target_.has_others = true;
    if (target_reader_->is_plain() && parse_integer(cell, integer)) {
      target_.integers.push_back(integer);
    }
    target_.numbers.push_back(static_cast<float>(value));
    return;
  }
  auto next = static_cast<uint32_t>(target_.names.size());
  auto [name, is_new] = target_.names.try_emplace(to_utf8(cell, was_not_utf8_), next);
  target_.texts.push_back(name->second);
  ELBO_CHECK(target_.names.size() <= kMaxClasses, Code::data,
             "{}: the target, column '{}', holds more than {} different texts, too many for "
             "classes\nChoose another target, or none: --target none",
             where_, plan_.columns[*plan_.target].name, kMaxClasses);
}

void TableScan::check_claim(Claim& claim, std::string_view cell) {
  if (!claim.holds) return;
  if (claim.must_count) {
    double value = 0;
    bool is_number = read_cell(CellForm::number, cell, value);
    if (rows_ == 0) claim.first = value;
    claim.holds = is_number && value == claim.first + static_cast<double>(rows_);
  } else {
    claim.holds = claim.seen.insert(std::hash<std::string_view>()(cell)).second;
  }
}

std::vector<size_t> TableScan::surprises() const {
  std::vector<size_t> out;
  for (size_t f = 0; f < cells_.size(); ++f) {
    bool is_nothing = cells_[f].missing == rows_ && !plan_.columns[plan_.features[f]].was_named;
    if (cells_[f].has_others || is_nothing) out.push_back(plan_.features[f]);
  }
  for (const Claim& claim : claims_) {
    if (!claim.holds) out.push_back(claim.column);
  }
  if (target_.has_others) out.push_back(*plan_.target);
  return out;
}

bool TableScan::needs_f64() const {
  return std::any_of(cells_.begin(), cells_.end(),
                     [](const FeatureCells& c) { return loses_in_f32(c.error, c.low, c.high); });
}

void TableScan::finish(RawData& out) {
  spool_.finish(out.train);
  out.train.ids = std::move(ids_);
  if (plan_.id) out.id_name = plan_.columns[*plan_.id].name;
  if (plan_.target) fill_target(out);
}

void TableScan::fill_target(RawData& out) const {
  out.target_name = plan_.columns[*plan_.target].name;
  if (target_reader_) {
    auto n = static_cast<int64_t>(target_.numbers.size());
    bool whole = target_.integers.size() == target_.numbers.size();
    fill_labels(out, {whole ? make_array(DType::i64, {n}, target_.integers)
                            : make_array(DType::f32, {n}, target_.numbers),
                      where_});
    return;
  }
  std::map<std::string, uint32_t> sorted(target_.names.begin(), target_.names.end());
  std::vector<int64_t> class_of(sorted.size());  // by the order in which the texts were met
  for (const auto& [name, index] : sorted) {
    class_of[index] = static_cast<int64_t>(out.label_names.size());
    out.label_names.push_back(name);
  }
  out.train.y = make_array(DType::i64, {static_cast<int64_t>(target_.texts.size())});
  auto to = out.train.y.as<int64_t>();
  for (size_t i = 0; i < target_.texts.size(); ++i) to[i] = class_of[target_.texts[i]];
}

}  // namespace elbo
