// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <map>
#include <optional>
#include <unordered_map>

#include "elbo/io/file_rows.h"
#include "elbo/io/gzip.h"
#include "elbo/io/readers.h"

namespace elbo {
namespace {

enum class Role { feature, target, dropped };

/// A cell that may have to be named in a message.
struct CellPlace {
  int64_t line = 0;
  std::string text;  ///< at most its first 60 bytes
};

/// What the cells of one column turned out to be.
struct ColumnStats {
  int64_t numbers = 0;
  std::optional<CellPlace> first_text, first_infinite, first_missing;
};

/// The cells of the target so far, as each of the things they may turn out to be.
struct TargetCells {
  std::vector<int64_t> integers;  ///< as many as rows where all are
  std::vector<float> numbers;     ///< [N]
  std::vector<uint32_t> texts;    ///< [N] indices into `names`; none once a number was met
  std::unordered_map<std::string, uint32_t> names;
};

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

bool parse_integer(std::string_view cell, int64_t& out) {
  if (cell.size() > 1 && cell[0] == '+' && cell[1] != '-') cell.remove_prefix(1);
  auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), out);
  return error == std::errc{} && end == cell.data() + cell.size();
}

/// As it can be typed in a shell.
std::string shell_word(const std::string& text) {
  auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == ',' || c == '.' ||
           c == '-';
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string out = "'";
  for (char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return out + "'";
}

/// Turns a table of text into examples and labels, row by row.
class TableReader {
 public:
  TableReader(CsvHead table, const std::string& where, const CsvOptions& options,
              const ReadRequest& request)
      : table_(std::move(table)),
        where_(where),
        options_(options),
        request_(request),
        roles_(table_.columns, Role::feature) {
    for (const std::string& name : options.drop) {
      if (request.columns.empty() || has_column(name)) {
        roles_[find_column(name, "drop")] = Role::dropped;
      }
    }
    target_ = find_target(request.target);
    if (!target_) return;
    ELBO_CHECK(roles_[*target_] == Role::feature, Code::usage,
               "{}: {} is both the target and dropped", where_, table_.column_text(*target_));
    roles_[*target_] = Role::target;
  }

  /// Reads from the row that `rows` stands on.
  RawData read(CsvRows& rows) {
    RawData out;
    out.format = "csv";
    out.kind = "table";
    for (size_t c = 0; c < table_.columns; ++c) {
      if (roles_[c] == Role::feature) features_.push_back(c);
    }
    if (!table_.header.empty()) {
      if (!request_.columns.empty()) order_features();
      for (size_t c : features_) out.column_names.push_back(table_.header[c]);
    }
    ELBO_CHECK(!features_.empty(), Code::data,
               "{}: no columns are left beside the target and those dropped", where_);
    read_rows(rows, out.train);
    if (target_) fill_target(out);
    return out;
  }

 private:
  bool has_column(const std::string& name) const {
    if (!table_.header.empty()) {
      return std::find(table_.header.begin(), table_.header.end(), name) != table_.header.end();
    }
    int64_t number = 0;
    return parse_integer(name, number) && number >= 1 &&
           number <= static_cast<int64_t>(table_.columns);
  }

  /// Brings the features into the order of the request; equal names keep theirs.
  void order_features() {
    std::vector<size_t> left = features_, ordered;
    std::vector<std::string> lacking, unknown;
    for (const std::string& name : request_.columns) {
      auto it = std::find_if(left.begin(), left.end(),
                             [&](size_t c) { return table_.header[c] == name; });
      if (it == left.end()) {
        lacking.push_back(name);
      } else {
        ordered.push_back(*it);
        left.erase(it);
      }
    }
    for (size_t c : left) unknown.push_back(table_.header[c]);
    ELBO_CHECK(lacking.empty() && unknown.empty(), Code::data,
               "{}: not the columns the model takes:{}{}{}\nIt takes {}.", where_,
               lacking.empty() ? "" : fmt::format(" no {}", fmt::join(lacking, ", ")),
               lacking.empty() || unknown.empty() ? "" : ";",
               unknown.empty() ? "" : fmt::format(" {} unknown to it", fmt::join(unknown, ", ")),
               fmt::join(request_.columns, ", "));
    features_ = std::move(ordered);
  }

  size_t find_column(const std::string& name, std::string_view use) const {
    if (table_.header.empty()) {
      ELBO_CHECK(has_column(name), Code::usage,
                 "{}: {} '{}': the file has no header, expected a column number from 1 to {}\n"
                 "If its first row names the columns: --reader csv --reader.header yes",
                 where_, use, name, table_.columns);
      int64_t number = 0;
      parse_integer(name, number);
      return static_cast<size_t>(number - 1);
    }
    auto begin = table_.header.begin(), end = table_.header.end();
    auto it = std::find(begin, end, name);
    ELBO_CHECK(it != end, Code::usage, "{}: {}: no column '{}'{}", where_, use, name,
               suggestion(name, table_.header));
    ELBO_CHECK(std::find(it + 1, end, name) == end, Code::usage,
               "{}: {}: two columns are called '{}'\nRename one of them in the header.", where_,
               use, name);
    return static_cast<size_t>(it - begin);
  }

  std::optional<size_t> find_target(const std::string& asked) const {
    bool is_there = has_column(asked);
    if (!is_there && (asked == kNoTarget || (!asked.empty() && request_.target_may_lack))) {
      return std::nullopt;
    }
    if (!asked.empty()) return find_column(asked, "target");
    for (const char* usual : {"label", "class", "target", "y"}) {
      for (size_t c = 0; c < table_.header.size(); ++c) {
        bool is_taken = roles_[c] != Role::feature || is_feature(table_.header[c]);
        if (lower(table_.header[c]) == usual && !is_taken) return c;
      }
    }
    return std::nullopt;
  }

  /// Whether the model takes a column of this name.
  bool is_feature(const std::string& name) const {
    return std::find(request_.columns.begin(), request_.columns.end(), name) !=
           request_.columns.end();
  }

  bool is_missing(std::string_view cell) const {
    return std::find(options_.missing.begin(), options_.missing.end(), cell) !=
           options_.missing.end();
  }

  std::string place(const CellPlace& cell, size_t column) const {
    return fmt::format("{}:{}: {}", where_, cell.line, table_.column_text(column));
  }

  void read_rows(CsvRows& rows, RawSet& set) {
    RowSpool spool(static_cast<int64_t>(features_.size()), request_.in_memory, where_);
    std::vector<ColumnStats> stats(features_.size());
    std::vector<float> values(features_.size());
    for (bool any = true; any; any = rows.next()) {
      for (size_t f = 0; f < features_.size(); ++f) {
        std::string_view cell = trim(rows.cells()[features_[f]]);
        values[f] = is_missing(cell) ? std::numeric_limits<float>::quiet_NaN()
                                     : read_cell(cell, rows.line(), stats[f]);
      }
      spool.add(values);
      if (target_) read_target(trim(rows.cells()[*target_]), rows.line());
    }
    check_columns(stats);
    spool.finish(set);
  }

  static float read_cell(std::string_view cell, int64_t line, ColumnStats& stats) {
    double value = 0;
    if (!parse_number(cell, value)) {
      note(stats.first_text, cell, line);
      return 0;
    }
    ++stats.numbers;
    auto out = static_cast<float>(value);
    if (!std::isfinite(out)) note(stats.first_infinite, cell, line);
    return out;
  }

  static void note(std::optional<CellPlace>& first, std::string_view cell, int64_t line) {
    if (!first) first = {line, std::string(cell.substr(0, 60))};
  }

  void check_columns(const std::vector<ColumnStats>& stats) const {
    std::vector<size_t> text, empty;
    for (size_t f = 0; f < stats.size(); ++f) {
      const ColumnStats& s = stats[f];
      if (s.numbers == 0) (s.first_text ? text : empty).push_back(features_[f]);
      if (s.numbers > 0 && s.first_text) refuse_text(*s.first_text, features_[f]);
      if (s.first_infinite) refuse_infinite(*s.first_infinite, features_[f]);
    }
    if (!text.empty()) refuse_columns(text, "text, expected numbers");
    if (!empty.empty()) refuse_columns(empty, "nothing but missing cells");
  }

  [[noreturn]] void refuse_text(const CellPlace& cell, size_t column) const {
    fail(Code::data,
         "{}: '{}' is not a number, as other cells of this column are\n"
         "Mend the cell, or count the text as missing: --reader csv --reader.missing {}\n"
         "Or leave the column out: --reader csv --reader.drop {}",
         place(cell, column), cell.text, missing_flag(cell), shell_word(drop_name(column)));
  }

  [[noreturn]] void refuse_infinite(const CellPlace& cell, size_t column) const {
    fail(Code::data,
         "{}: '{}' is not a finite number within 32-bit range\n"
         "Mend the cell, or count it as missing: --reader csv --reader.missing {}",
         place(cell, column), cell.text, missing_flag(cell));
  }

  /// `what` is what the columns hold: "text, expected numbers".
  [[noreturn]] void refuse_columns(const std::vector<size_t>& columns,
                                   std::string_view what) const {
    std::string names;
    for (size_t c : columns) names += (names.empty() ? "" : ",") + drop_name(c);
    std::string first = table_.column_text(columns[0]);
    std::string which = columns.size() == 1 ? fmt::format("{} holds {}", first, what)
                                            : fmt::format("{} columns hold {}; the first is {}",
                                                          columns.size(), what, first);
    fail(Code::data, "{}: {}\nTo leave {} out: --reader csv --reader.drop {}", where_, which,
         columns.size() == 1 ? "it" : "them", shell_word(names));
  }

  /// The texts that count as missing, and this cell's.
  std::string missing_flag(const CellPlace& cell) const {
    return shell_word(fmt::format("{},{}", fmt::join(options_.missing, ","), cell.text));
  }

  std::string drop_name(size_t column) const {
    return table_.header.empty() ? fmt::format("{}", column + 1) : table_.header[column];
  }

  void read_target(std::string_view cell, int64_t line) {
    if (is_missing(cell)) note(target_stats_.first_missing, cell, line);
    int64_t integer = 0;
    if (parse_integer(cell, integer)) target_cells_.integers.push_back(integer);
    target_cells_.numbers.push_back(read_cell(cell, line, target_stats_));
    if (target_stats_.numbers > 0) return;
    auto next = static_cast<uint32_t>(target_cells_.names.size());
    auto [name, is_new] = target_cells_.names.try_emplace(std::string(cell), next);
    target_cells_.texts.push_back(name->second);
  }

  void fill_target(RawData& out) const {
    const ColumnStats& stats = target_stats_;
    out.target_name = table_.header.empty() ? table_.column_text(*target_) : drop_name(*target_);
    if (stats.first_missing) {
      fail(Code::data, "{}: the target is missing ('{}')\nRemove the row, or fill the cell in.",
           place(*stats.first_missing, *target_), stats.first_missing->text);
    }
    if (stats.first_text && stats.numbers > 0) refuse_text(*stats.first_text, *target_);
    if (stats.first_text) return fill_text_labels(out);
    if (stats.first_infinite) refuse_infinite(*stats.first_infinite, *target_);
    const TargetCells& cells = target_cells_;
    auto n = static_cast<int64_t>(cells.numbers.size());
    bool whole = cells.integers.size() == cells.numbers.size();
    fill_labels(out, {whole ? make_array(DType::i64, {n}, cells.integers)
                            : make_array(DType::f32, {n}, cells.numbers),
                      where_});
  }

  void fill_text_labels(RawData& out) const {
    const TargetCells& cells = target_cells_;
    ELBO_CHECK(cells.names.size() <= kMaxClasses, Code::data,
               "{}: the target, {}, holds {} different texts, at most {} make classes\n"
               "Choose another target, or none: --target none",
               where_, table_.column_text(*target_), cells.names.size(), kMaxClasses);
    std::map<std::string, uint32_t> sorted(cells.names.begin(), cells.names.end());
    std::vector<int64_t> class_of(sorted.size());  // by the order in which the texts were met
    for (const auto& [name, index] : sorted) {
      class_of[index] = static_cast<int64_t>(out.label_names.size());
      out.label_names.push_back(name);
    }
    out.train.y = make_array(DType::i64, {static_cast<int64_t>(cells.texts.size())});
    auto to = out.train.y.as<int64_t>();
    for (size_t i = 0; i < cells.texts.size(); ++i) to[i] = class_of[cells.texts[i]];
  }

  CsvHead table_;
  std::string where_;
  const CsvOptions& options_;
  const ReadRequest& request_;
  std::vector<Role> roles_;
  std::vector<size_t> features_;
  std::optional<size_t> target_;
  ColumnStats target_stats_;
  TargetCells target_cells_;
};

/// `size`: no text from `open` is longer.
RawData read_rows(const std::function<TextSource()>& open, uint64_t size, const std::string& where,
                  const CsvOptions& options, const ReadRequest& request) {
  size_t buffer = std::min<uint64_t>(size + 1, kTextBuffer);
  char delimiter = options.delimiter == "auto" ? '\0' : options.delimiter[0];
  bool named = has_header(open(), where, delimiter, options.header, buffer);
  CsvRows rows(open(), where, delimiter, buffer);
  bool any = rows.next();
  ELBO_CHECK(any, Code::data, "{}: holds no rows", where);
  CsvHead head{{}, rows.cells().size()};
  if (named) {
    head.header = header_of(rows.cells());
    any = rows.next();
  }
  ELBO_CHECK(any, Code::data, "{}: holds a header and no rows", where);
  return TableReader(std::move(head), where, options, request).read(rows);
}

/// The first whole lines of the head hold two cells or more each, equally many, or a number each.
bool looks_like_table(std::string_view head, bool is_whole) {
  if (!is_whole) head = head.substr(0, head.rfind('\n') + 1);
  try {
    CsvTable table = parse_csv(std::string(head), "");
    if (table.columns >= 2) return table.rows() >= 2;
    double ignored;
    return std::all_of(table.cells.begin(), table.cells.end(),
                       [&](auto cell) { return parse_number(cell, ignored); });
  } catch (const Error&) {
    return false;
  }
}

bool is_table_name(Path path) {
  if (path.extension() == ".gz") path = path.stem();
  std::string extension = lower(path.extension().string());
  return extension == ".csv" || extension == ".tsv";
}

class CsvReader : public Reader {
 public:
  explicit CsvReader(CsvOptions options) : options_(std::move(options)) {}

  /// By content; the extensions .csv and .tsv vouch for text that looks like no table.
  bool accepts(const Path& path, std::span<const std::byte> head) const override {
    Bytes content = content_head(head);
    std::string_view text = as_text(content);
    bool is_text = !text.empty() && std::none_of(text.begin(), text.end(), [](char c) {
      return static_cast<unsigned char>(c) < 32 && !std::strchr("\t\n\r\f", c);
    });
    return is_text && (is_table_name(path) || looks_like_table(text, text.size() < 4096));
  }

  RawData read(const Path& path, const ReadRequest& request) const override {
    std::string where = path.string(), fingerprint;
    auto file = std::make_shared<const DiskFile>(path);
    RawData out = read_rows([&] { return text_of(file, fingerprint); },
                            file->size() * kMaxInflation, where, options_, request);
    out.name = data_name(path);
    out.fingerprint = fingerprint;
    return out;
  }

 private:
  CsvOptions options_;
};

}  // namespace

RawData read_csv_data(std::string_view text, const std::string& where, const CsvOptions& options,
                      const ReadRequest& request) {
  return read_rows([text] { return text_source(text); }, text.size(), where, options, request);
}

std::unique_ptr<Reader> make_csv_reader(const CsvOptions& options) {
  return std::make_unique<CsvReader>(options);
}

}  // namespace elbo
