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
constexpr size_t kLongestRow = size_t{1} << 30;  // bytes

/// Counts of each delimiter in each of the first rows, quoted text left out.
std::vector<std::vector<size_t>> count_delimiters(std::string_view text, bool is_whole) {
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
  if ((blank || !is_whole) && counts.size() > 1) counts.pop_back();  // no row, or part of one
  return counts;
}

/// The first delimiter that stands equally often in every row; else the commonest of the first row.
char find_delimiter(std::string_view text, bool is_whole) {
  auto counts = count_delimiters(text, is_whole);
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

bool is_number(std::string_view cell) {
  double ignored;
  return parse_number(cell, ignored);
}

bool has_number(const std::vector<std::string_view>& cells) {
  return std::any_of(cells.begin(), cells.end(), is_number);
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

std::string CsvHead::column_text(size_t column) const {
  return header.empty() ? fmt::format("column {}", column + 1)
                        : fmt::format("column '{}'", header[column]);
}

TextSource text_source(std::string_view text) {
  return [text](std::span<char> out) mutable {
    size_t n = text.copy(out.data(), out.size());
    text.remove_prefix(n);
    return n;
  };
}

CsvRows::CsvRows(TextSource source, std::string_view where, char delimiter, size_t buffer)
    : source_(std::move(source)), buffer_(buffer) {
  at_ = end_ = buffer_.data();
  start(where, delimiter);
}

CsvRows::CsvRows(std::span<char> text, std::string_view where, char delimiter)
    : at_(text.data()), end_(text.data() + text.size()), is_whole_(true) {
  start(where, delimiter);
}

void CsvRows::start(std::string_view where, char delimiter) {
  where_ = where;
  if (is_whole_) check_is_text(at_);
  while (!is_whole_ && static_cast<size_t>(end_ - at_) < buffer_.size()) refill();
  auto text = [&] { return std::string_view(at_, static_cast<size_t>(end_ - at_)); };
  if (text().starts_with(kByteOrderMark)) at_ += kByteOrderMark.size();
  delimiter_ = delimiter ? delimiter : find_delimiter(text(), is_whole_);
}

/// Gets more text behind end_, moving what is from at_ on to the buffer's start; false at the end.
bool CsvRows::refill() {
  if (is_whole_) return false;
  auto kept = static_cast<size_t>(end_ - at_);
  if (kept == buffer_.size()) {
    ELBO_CHECK(kept < kLongestRow, Code::data,
               "{}:{}: a row of more than {} bytes\nIs a quoted field never closed?", where_,
               row_line_, kept);
    std::vector<char> larger(2 * kept);
    std::copy(at_, end_, larger.begin());
    buffer_ = std::move(larger);
  } else {
    std::memmove(buffer_.data(), at_, kept);
  }
  at_ = buffer_.data();
  end_ = at_ + kept;
  size_t n = source_({end_, buffer_.size() - kept});
  is_whole_ = n == 0;
  end_ += n;
  check_is_text(end_ - n);
  return n > 0;
}

void CsvRows::check_is_text(const char* from) const {
  const void* zero = std::memchr(from, 0, static_cast<size_t>(end_ - from));
  if (!zero) return;
  fail(Code::data, "{}:{}: a zero byte, expected text\nSave the table as CSV in UTF-8.", where_,
       line_ + std::count(static_cast<const char*>(at_), static_cast<const char*>(zero), '\n'));
}

bool CsvRows::next() {
  if (blank_lines_ == 0 && !skip_blank_lines()) return false;
  if (blank_lines_ > 0) {
    --blank_lines_;
    row_line_ = blank_line_++;
    cells_.assign(1, {});
  } else {
    row_line_ = line_;
    while (!mark_row()) {
      line_ = row_line_;
      refill();
    }
    unquote();
  }
  if (first_line_ == 0) {
    first_line_ = row_line_;
    columns_ = cells_.size();
  }
  ELBO_CHECK(cells_.size() == columns_, Code::data,
             "{}:{}: row has {} fields, expected {} as in line {}\n"
             "Fields are separated by '{}'; one that holds it must be quoted.",
             where_, row_line_, cells_.size(), columns_, first_line_,
             delimiter_ == '\t' ? std::string("\\t") : std::string(1, delimiter_));
  return true;
}

/// Counts blank lines as rows to be given, unless nothing follows on them; false at the end.
bool CsvRows::skip_blank_lines() {
  blank_line_ = line_;
  while (true) {
    if (end_ - at_ < 2 && refill()) continue;  // two: \r\n is one end of a line
    if (at_ == end_) return blank_lines_ = 0, false;
    if (*at_ != '\n' && *at_ != '\r') return true;
    at_ += *at_ == '\r' && end_ - at_ > 1 && at_[1] == '\n' ? 2 : 1;
    ++line_;
    ++blank_lines_;
  }
}

/// Marks the cells of the row at at_ and goes behind it; false when the text in the buffer ends
/// before the row does, with at_ where it was.
bool CsvRows::mark_row() {
  char* begin = at_;
  auto more_needed = [&] { return at_ = begin, false; };
  marks_.clear();
  while (true) {
    if (at_ < end_ && *at_ == '"') {
      if (!mark_quoted()) return more_needed();
    } else {
      char* cell = at_;
      while (at_ < end_ && *at_ != delimiter_ && *at_ != '\n' && *at_ != '\r') ++at_;
      marks_.push_back({cell, at_, false});
    }
    if (end_ - at_ < 2 && !is_whole_) return more_needed();
    if (at_ == end_) return true;
    char c = *at_++;
    if (c == delimiter_) continue;
    if (c == '\r' && at_ < end_ && *at_ == '\n') ++at_;
    ++line_;
    return true;
  }
}

/// Marks the quoted cell at at_ and goes behind it; false when the text in the buffer ends first.
bool CsvRows::mark_quoted() {
  int64_t first_line = line_;
  char* begin = ++at_;
  bool has_pairs = false;
  while (true) {
    auto* quote = static_cast<char*>(std::memchr(at_, '"', static_cast<size_t>(end_ - at_)));
    if ((!quote || quote + 1 == end_) && !is_whole_) return false;
    ELBO_CHECK(quote, Code::data, "{}:{}: a quoted field that starts on this line is never closed",
               where_, first_line);
    line_ += std::count(at_, quote, '\n');
    at_ = quote + 1;
    if (at_ == end_ || *at_ != '"') break;
    has_pairs = true;
    ++at_;
  }
  marks_.push_back({begin, at_ - 1, has_pairs});
  bool ended = at_ == end_ || *at_ == delimiter_ || *at_ == '\n' || *at_ == '\r';
  ELBO_CHECK(ended, Code::data,
             "{}:{}: '{}' follows a closing quote, expected '{}' or the end of the line\n"
             "A quote inside a quoted field is written twice.",
             where_, line_, *at_, delimiter_);
  return true;
}

/// Turns marks into cells. Quoted cells are unquoted in place: they only get shorter.
void CsvRows::unquote() {
  cells_.clear();
  for (Mark& mark : marks_) {
    if (mark.has_pairs) {
      char* to = mark.begin;
      for (char* from = mark.begin; from < mark.end; ++from) {
        *to++ = *from;
        if (*from == '"') ++from;  // two quotes stand for one
      }
      mark.end = to;
    }
    cells_.emplace_back(mark.begin, static_cast<size_t>(mark.end - mark.begin));
  }
}

bool has_header(TextSource source, std::string_view where, char delimiter, std::string_view asked,
                size_t buffer) {
  if (asked != "auto") return asked == "yes";
  CsvRows rows(std::move(source), where, delimiter, buffer);
  if (!rows.next() || has_number(rows.cells())) return false;
  bool is_only_row = true;
  for (; rows.next(); is_only_row = false) {
    if (has_number(rows.cells())) return true;
  }
  return is_only_row;  // names alone
}

std::vector<std::string> header_of(const std::vector<std::string_view>& cells) {
  std::vector<std::string> out;
  for (std::string_view cell : cells) {
    out.emplace_back(trim(cell));
    if (out.back().empty()) out.back() = fmt::format("column {}", out.size());
  }
  return out;
}

CsvTable parse_csv(std::string text, std::string_view where, char delimiter,
                   std::string_view header) {
  bool named = has_header(text_source(text), where, delimiter, header,
                          std::min(text.size() + 1, kTextBuffer));
  auto owned = std::make_shared<std::string>(std::move(text));
  CsvTable out;
  out.text = owned;
  CsvRows rows(std::span<char>(*owned), where, delimiter);
  bool any = rows.next();
  ELBO_CHECK(any, Code::data, "{}: holds no rows", where);
  out.columns = rows.cells().size();
  if (named) {
    out.header = header_of(rows.cells());
    any = rows.next();
  }
  for (; any; any = rows.next()) {
    out.lines.push_back(rows.line());
    out.cells.insert(out.cells.end(), rows.cells().begin(), rows.cells().end());
  }
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
