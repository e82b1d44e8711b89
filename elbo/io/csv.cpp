// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace elbo {
namespace {

constexpr std::string_view kDelimiters = "\t;|,";  // in order of preference
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kProbedRows = 20;

/// Counts of each delimiter in each of the first rows, quoted text left out.
std::vector<std::vector<size_t>> count_delimiters(std::string_view text) {
  std::vector<std::vector<size_t>> counts(1, std::vector<size_t>(kDelimiters.size()));
  bool quoted = false, blank = true;
  for (char c : text) {
    if (c == '"') quoted = !quoted;
    if (quoted) continue;
    if (c == '\n' && !blank) {
      if (counts.size() == kProbedRows) return counts;
      counts.emplace_back(kDelimiters.size());
    }
    blank = c == '\n';
    size_t which = kDelimiters.find(c);
    if (which != std::string_view::npos) ++counts.back()[which];
  }
  if (blank && counts.size() > 1) counts.pop_back();
  return counts;
}

/// The first delimiter that stands equally often in every row; else the commonest of the first row.
char find_delimiter(std::string_view text) {
  auto counts = count_delimiters(text);
  for (size_t d = 0; d < kDelimiters.size(); ++d) {
    size_t first = counts[0][d];
    if (first > 0 && std::all_of(counts.begin(), counts.end(),
                                 [&](const auto& row) { return row[d] == first; })) {
      return kDelimiters[d];
    }
  }
  size_t best = kDelimiters.size() - 1;
  for (size_t d = 0; d < kDelimiters.size(); ++d) {
    if (counts[0][d] > counts[0][best]) best = d;
  }
  return kDelimiters[best];
}

/// Splits text into cells. Quoted cells are unquoted in place: they only get shorter.
class Parser {
 public:
  Parser(std::string& text, std::string_view where, char delimiter)
      : at_(text.data()), end_(at_ + text.size()), where_(where), delimiter_(delimiter) {
    while (end_ > at_ && (end_[-1] == '\n' || end_[-1] == '\r')) --end_;  // blank lines at the end
  }

  void parse(CsvTable& out) {
    while (at_ < end_) {
      out.lines.push_back(line_);
      size_t before = out.cells.size();
      read_row(out.cells);
      size_t width = out.cells.size() - before;
      if (out.lines.size() == 1) out.columns = width;
      ELBO_CHECK(width == out.columns, Code::data,
                 "{}:{}: row has {} fields, expected {} as in line {}\n"
                 "Fields are separated by '{}'; one that holds it must be quoted.",
                 where_, out.lines.back(), width, out.columns, out.lines[0],
                 delimiter_ == '\t' ? std::string("\\t") : std::string(1, delimiter_));
    }
  }

 private:
  void read_row(std::vector<std::string_view>& cells) {
    while (true) {
      cells.push_back(at_ < end_ && *at_ == '"' ? quoted() : plain());
      if (at_ == end_) return;
      char c = *at_++;
      if (c == delimiter_) continue;
      if (c == '\r' && at_ < end_ && *at_ == '\n') ++at_;
      ++line_;
      return;
    }
  }

  std::string_view plain() {
    const char* start = at_;
    while (at_ < end_ && *at_ != delimiter_ && *at_ != '\n' && *at_ != '\r') ++at_;
    return {start, static_cast<size_t>(at_ - start)};
  }

  std::string_view quoted() {
    int64_t first_line = line_;
    char* start = ++at_;
    char* to = start;
    while (true) {
      ELBO_CHECK(at_ < end_, Code::data,
                 "{}:{}: a quoted field that starts on this line is never closed", where_,
                 first_line);
      char c = *at_++;
      if (c == '"' && (at_ == end_ || *at_ != '"')) break;
      if (c == '"') ++at_;  // two quotes stand for one
      if (c == '\n') ++line_;
      *to++ = c;
    }
    bool ended = at_ == end_ || *at_ == delimiter_ || *at_ == '\n' || *at_ == '\r';
    ELBO_CHECK(ended, Code::data,
               "{}:{}: '{}' follows a closing quote, expected '{}' or the end of the line\n"
               "A quote inside a quoted field is written twice.",
               where_, line_, *at_, delimiter_);
    return {start, static_cast<size_t>(to - start)};
  }

  char* at_;
  char* end_;
  std::string where_;
  char delimiter_;
  int64_t line_ = 1;
};

bool is_number(std::string_view cell) {
  double ignored;
  return parse_number(cell, ignored);
}

bool looks_like_header(const CsvTable& table) {
  if (table.rows() < 2) return false;
  auto first = table.cells.begin(), second = first + static_cast<ptrdiff_t>(table.columns);
  return std::none_of(first, second, is_number) &&
         std::any_of(second, table.cells.end(), is_number);
}

void take_header(CsvTable& table) {
  auto second = table.cells.begin() + static_cast<ptrdiff_t>(table.columns);
  for (auto it = table.cells.begin(); it != second; ++it) {
    table.header.emplace_back(trim(*it));
    if (table.header.back().empty()) {
      table.header.back() = fmt::format("column {}", table.header.size());
    }
  }
  table.cells.erase(table.cells.begin(), second);
  table.lines.erase(table.lines.begin());
}

void check_is_text(std::string_view text, std::string_view where) {
  const void* zero = std::memchr(text.data(), 0, text.size());
  if (!zero) return;
  auto before = static_cast<size_t>(static_cast<const char*>(zero) - text.data());
  auto line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(before), '\n');
  fail(Code::data, "{}:{}: a zero byte, expected text\nSave the table as CSV in UTF-8.", where,
       line);
}

void append_cell(std::string& out, std::string_view cell) {
  // A cell that starts like a byte-order mark would lose it at the start of the file.
  bool plain = !cell.starts_with(kByteOrderMark) &&
               cell.find_first_of(",\"\r\n;\t|") == std::string_view::npos && trim(cell) == cell;
  if (plain) {
    out += cell;
    return;
  }
  out += '"';
  for (char c : cell) out.append(c == '"' ? 2 : 1, c);
  out += '"';
}

void append_row(std::string& out, const std::vector<std::string>& row, size_t width) {
  ELBO_CHECK(row.size() == width, Code::usage, "row of {} cells, expected {}", row.size(), width);
  for (size_t i = 0; i < row.size(); ++i) {
    if (i) out += ',';
    append_cell(out, row[i]);
  }
  if (row.size() == 1 && row[0].empty()) out += "\"\"";  // a blank line would be no row
  out += '\n';
}

}  // namespace

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool parse_number(std::string_view cell, double& out) {
  cell = trim(cell);
  if (cell.size() > 1 && cell[0] == '+' && cell[1] != '-') cell.remove_prefix(1);
  auto [end, error] = std::from_chars(cell.data(), cell.data() + cell.size(), out);
  if (end != cell.data() + cell.size() || error == std::errc::invalid_argument) return false;
  // Out of range may mean too large or too small; strtod tells, giving infinity or about zero.
  if (error == std::errc::result_out_of_range)
    out = std::strtod(std::string(cell).c_str(), nullptr);
  return true;
}

std::string CsvTable::column_text(size_t column) const {
  return header.empty() ? fmt::format("column {}", column + 1)
                        : fmt::format("column '{}'", header[column]);
}

CsvTable parse_csv(std::string text, std::string_view where, char delimiter,
                   std::string_view header) {
  if (text.starts_with(kByteOrderMark)) text.erase(0, kByteOrderMark.size());
  check_is_text(text, where);
  auto owned = std::make_shared<std::string>(std::move(text));
  CsvTable out;
  out.text = owned;
  Parser(*owned, where, delimiter ? delimiter : find_delimiter(*owned)).parse(out);
  ELBO_CHECK(out.rows() > 0, Code::data, "{}: holds no rows", where);
  bool only_names = out.rows() == 1 && std::none_of(out.cells.begin(), out.cells.end(), is_number);
  if (header == "yes" || (header == "auto" && (only_names || looks_like_header(out))))
    take_header(out);
  ELBO_CHECK(out.rows() > 0, Code::data, "{}: holds a header and no rows", where);
  return out;
}

std::string encode_csv(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows) {
  std::string out;
  size_t width = !header.empty() ? header.size() : rows.empty() ? 0 : rows[0].size();
  if (!header.empty()) append_row(out, header, width);
  for (const auto& row : rows) append_row(out, row, width);
  return out;
}

}  // namespace elbo
