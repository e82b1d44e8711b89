// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/csv_report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "elbo/core/metric.h"

namespace elbo {
namespace {

/// Values that stand for "missing" in many a table.
bool is_sentinel(double v) {
  static constexpr std::array<double, 6> kUsual = {99, 999, 9999, 99999, 999999, 9999999};
  double size = std::abs(v);
  return std::find(kUsual.begin(), kUsual.end(), size) != kUsual.end() || size >= 1e30;
}

/// A value of a column and how often it stands there.
struct Sentinel {
  double value = 0;
  int64_t count = 0;
};

/// The extreme values that are usual marks and farther from the others than those are from each
/// other.
std::vector<Sentinel> sentinels_of(std::vector<double> values) {
  std::vector<Sentinel> out;
  std::sort(values.begin(), values.end());
  size_t begin = 0, end = values.size();
  // The farthest first, from either end: -9999 may hide -999.
  while (end - begin > 2) {
    bool at_low = is_sentinel(values[begin]), at_high = is_sentinel(values[end - 1]);
    if (!at_low && !at_high) break;
    bool take_low = at_low && (!at_high || -values[begin] >= values[end - 1]);
    double value = take_low ? values[begin] : values[end - 1];
    Sentinel found{value, 0};
    while (begin < end && values[take_low ? begin : end - 1] == value) {
      take_low ? ++begin : --end;
      ++found.count;
    }
    if (end == begin) break;
    out.push_back(found);
  }
  if (begin == end) return {};
  double low = values[begin], high = values[end - 1], spread = high - low;
  std::erase_if(out, [&](const Sentinel& s) {
    double gap = s.value < low ? low - s.value : s.value - high;
    return gap <= spread || gap <= 0.1 * std::abs(s.value);
  });
  return out;
}

/// What stands in one feature of the training set, missing cells left out, up to 10^6 rows.
std::vector<double> values_of(const RawSet& set, size_t feature) {
  constexpr int64_t kMostRows = 1000000, kRowsAtOnce = 4096;
  std::vector<double> out;
  auto add = [&](const Array& x, const Array& mask) {
    auto width = static_cast<size_t>(x.shape[1]);
    for (size_t r = 0; r < static_cast<size_t>(x.rows()) && out.size() < kMostRows; ++r) {
      size_t i = r * width + feature;
      if (!mask.empty() && mask.as<uint8_t>()[i] == 0) continue;
      out.push_back(x.dtype == DType::f64 ? x.as<double>()[i]
                                          : static_cast<double>(x.as<float>()[i]));
    }
  };
  if (!set.on_disk) {
    add(set.x, set.mask);
    return out;
  }
  std::vector<int64_t> rows;
  int64_t all = std::min(set.x.rows(), kMostRows);
  for (int64_t begin = 0; begin < all; begin += kRowsAtOnce) {
    rows.resize(static_cast<size_t>(std::min(kRowsAtOnce, all - begin)));
    std::iota(rows.begin(), rows.end(), begin);
    RawSet some = set.on_disk->read(rows);
    add(some.x, some.mask);
  }
  return out;
}

std::string missing_text(const FeatureCells& cells) {
  std::string list;
  for (const auto& [text, count] : cells.missing_texts) {
    list += fmt::format("{}'{}' in {}", list.empty() ? "" : ", ", text, count);
  }
  return fmt::format("missing in {}: {}", counted(cells.missing, "row"), list);
}

constexpr double kMostLabels = 100;  // that a column beside pixels may name

class Reporter {
 public:
  Reporter(RawData& out, const TablePlan& plan, const CsvFormat& format, const TableScan& scan)
      : out_(out), plan_(plan), format_(format), scan_(scan) {}

  void say_format(const CsvPassedOver& passed) {
    note_all(format_.notes);
    if (scan_.was_not_utf8()) note("texts that are not UTF-8 are read as Windows-1252");
    if (passed.comments > 0) {
      note(
          fmt::format("{} starting with # left out as comments", counted(passed.comments, "line")));
    }
    int64_t blank = passed.blank_lines + scan_.empty_rows();
    if (blank > 0) note(fmt::format("{} without any cell left out", counted(blank, "line")));
    if (passed.last_cells > 0) {
      note(fmt::format("{} with a delimiter at the end, behind which there is no cell",
                       counted(passed.last_cells, "row")));
    }
  }

  void make_reports() {
    static constexpr const char* kRoles[] = {"feature", "target", "id", "left out"};
    for (size_t c = 0; c < plan_.columns.size(); ++c) {
      const ColumnPlan& column = plan_.columns[c];
      out_.column_reports.push_back(
          {column.name, kRoles[static_cast<size_t>(column.role)], column.taken_as, column.why, {}});
      if (c < format_.units.size() && !format_.units[c].empty()) {
        flag(c, "unit " + format_.units[c]);
      }
    }
  }

  void say_columns() {
    std::vector<std::string> texts, nothing, ambiguous, unknown_to_model, not_asked;
    for (const ColumnPlan& column : plan_.columns) {
      if (column.role != ColumnRole::left_out || column.why == "--drop") continue;
      auto& list = column.why == "the model does not take it" ? unknown_to_model
                   : column.why == "not among --columns"      ? not_asked
                   : column.taken_as == "nothing"             ? nothing
                   : column.why.starts_with("dates of which") ? ambiguous
                                                              : texts;
      if (column.taken_as == "row numbers") {
        note(fmt::format("column '{}' is left out as row numbers: {} (--columns takes it)",
                         column.name, column.why));
      } else {
        list.push_back(column.name);
      }
    }
    say(texts, "left out, for texts cannot be modelled yet");
    say(ambiguous, "left out: dates of which nothing tells whether day or month comes first");
    say(nothing, "left out, for every cell is missing");
    say(unknown_to_model, "left out, for the model does not take them");
    if (plan_.id) {
      const ColumnPlan& id = plan_.columns[*plan_.id];
      if (id.why != "--id") {
        bool are_texts = id.why.starts_with("texts");
        note(fmt::format("column '{}' is left out as the rows' names and kept beside results: {}{}",
                         id.name, id.why, are_texts ? "" : " (--id none makes it a feature)"));
      }
    }
    say_meanings();
  }

  void say_meanings() {
    std::map<std::string, std::vector<std::string>> by_form;
    for (size_t c = 0; c < plan_.columns.size(); ++c) {
      const ColumnPlan& column = plan_.columns[c];
      bool is_read = column.role == ColumnRole::feature ||
                     (column.role == ColumnRole::target && !plan_.target_is_text);
      if (!is_read || column.meaning.code == ColumnCode{}) continue;
      bool has_example = !column.meaning.example.empty();
      std::string example = has_example ? fmt::format(" (such as {})", column.meaning.example) : "";
      by_form[column.taken_as].push_back(fmt::format("'{}'{}", column.name, example));
    }
    for (const auto& [form, names] : by_form) {
      note(
          fmt::format("{} {}: {}", names.size() == 1 ? "column" : "columns", list_of(names), form));
    }
  }

  void say_values() {
    std::vector<std::string> constant, with_sentinels;
    std::vector<std::string> sentinels;
    for (size_t f = 0; f < plan_.features.size(); ++f) {
      size_t c = plan_.features[f];
      const FeatureCells& cells = scan_.features()[f];
      if (cells.missing > 0) flag(c, missing_text(cells));
      if (cells.missing == scan_.rows()) continue;
      if (cells.is_constant()) {
        flag(c, fmt::format("constant, {}", cells.low));
        constant.push_back(plan_.columns[c].name);
      }
      if (out_.kind == "image" || !(is_sentinel(cells.low) || is_sentinel(cells.high))) continue;
      for (const Sentinel& s : sentinels_of(values_of(out_.train, f))) {
        std::string text = fmt::format("{}", s.value);
        flag(c, fmt::format("{} in {} may mean missing", text, counted(s.count, "row")));
        if (with_sentinels.empty() || with_sentinels.back() != plan_.columns[c].name) {
          with_sentinels.push_back(plan_.columns[c].name);
        }
        if (std::find(sentinels.begin(), sentinels.end(), text) == sentinels.end()) {
          sentinels.push_back(text);
        }
      }
    }
    if (out_.kind != "image") say(constant, "the same in every row");
    if (!sentinels.empty()) {
      note(fmt::format(
          "{} hold {} far from all other values; if it means missing: --reader csv "
          "--reader.missing {}",
          names_text(with_sentinels), fmt::join(sentinels, ", "), shell_list(sentinels)));
    }
  }

  /// Whole numbers from 0 to 255 in as many columns as a square picture has pixels, or in one more
  /// of which the first may be a label.
  void suggest_image() {
    bool may_be = out_.kind == "table" && scan_.are_bytes() && scan_.rows() > 1;
    if (!may_be || suggest_image_of(plan_.features.size(), "")) return;
    bool has_label = !plan_.target && plan_.features.size() == plan_.columns.size() &&
                     scan_.features()[0].high < kMostLabels;
    if (has_label) suggest_image_of(plan_.features.size() - 1, "--target 1 ");
  }

  bool suggest_image_of(size_t pixels, const char* target) {
    for (int channels : {1, 3}) {
      auto side = std::lround(std::sqrt(static_cast<double>(pixels) / channels));
      bool is_square = side >= 8 && static_cast<size_t>(side * side * channels) == pixels;
      if (!is_square) continue;
      double high = 0;
      for (const FeatureCells& cells : scan_.features()) high = std::max(high, cells.high);
      note(
          fmt::format("{} columns of whole numbers from 0 to {} may be {}the pixels of pictures: "
                      "{}--image {}x{}{} reads them so",
                      plan_.features.size(), high, *target ? "a label and " : "", target, side,
                      side, channels == 3 ? "x3" : ""));
      return true;
    }
    return false;
  }

 private:
  void note(std::string text) { out_.notes.push_back(std::move(text)); }
  void note_all(const std::vector<std::string>& texts) {
    out_.notes.insert(out_.notes.end(), texts.begin(), texts.end());
  }
  void say(const std::vector<std::string>& names, std::string_view what) {
    if (names.empty()) return;
    note(fmt::format("{} {}: {}", names.size() == 1 ? "column" : "columns", names_text(names),
                     what));
  }
  void flag(size_t column, std::string text) {
    out_.column_reports[column].flags.push_back(std::move(text));
  }

  RawData& out_;
  const TablePlan& plan_;
  const CsvFormat& format_;
  const TableScan& scan_;
};

}  // namespace

void report_table(RawData& out, const TablePlan& plan, const CsvFormat& format,
                  const TableScan& scan, const CsvPassedOver& passed_over,
                  const ReadRequest& request) {
  Reporter reporter(out, plan, format, scan);
  reporter.say_format(passed_over);
  reporter.make_reports();
  reporter.say_columns();
  reporter.say_values();
  if (request.image.empty()) reporter.suggest_image();
}

}  // namespace elbo
