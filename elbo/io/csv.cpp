// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/csv.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace elbo {
namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr size_t kLongestRow = size_t{1} << 30;      // bytes
constexpr size_t kLongestComment = size_t{1} << 20;  // bytes that are kept

void append_cell(std::string& out, std::string_view cell) {
  // A cell that starts like a byte-order mark would lose it at the start of the file, and one that
  // starts like a comment would be taken for one.
  bool plain = !cell.starts_with(kByteOrderMark) && !cell.starts_with('#') &&
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

CsvRows::CsvRows(TextSource source, std::string_view where, CsvLayout layout, size_t buffer)
    : source_(std::move(source)), buffer_(buffer), layout_(layout) {
  at_ = end_ = buffer_.data();
  start(where);
}

CsvRows::CsvRows(std::span<char> text, std::string_view where, CsvLayout layout)
    : at_(text.data()), end_(text.data() + text.size()), is_whole_(true), layout_(layout) {
  start(where);
}

void CsvRows::start(std::string_view where) {
  where_ = where;
  if (is_whole_) check_is_text(at_);
  while (!is_whole_ && static_cast<size_t>(end_ - at_) < buffer_.size()) refill();
  auto text = std::string_view(at_, static_cast<size_t>(end_ - at_));
  if (text.starts_with(kByteOrderMark)) at_ += kByteOrderMark.size();
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
  do {
    if (!find_row()) return false;
    if (blank_lines_ > 0) {
      --blank_lines_;
      row_line_ = blank_line_++;
      cells_.assign(1, {});
      break;
    }
    read_row();
  } while (pass_over());
  if (layout_.columns == 0) layout_.columns = cells_.size();
  bool fits = is_as_wide() || layout_.columns == kAnyWidth || rows_given_ < layout_.head_rows;
  if (first_line_ == 0 && is_as_wide()) first_line_ = row_line_;
  ++rows_given_;
  ELBO_CHECK(fits, Code::data,
             "{}:{}: row has {} fields, expected {} as in line {}\n"
             "Fields are separated by {}; one that holds it must be quoted.",
             where_, row_line_, cells_.size(), layout_.columns, first_line_,
             layout_.delimiter == '\t'  ? "'\\t'"
             : layout_.delimiter == ' ' ? std::string("blanks")
                                        : fmt::format("'{}'", layout_.delimiter));
  return true;
}

/// Goes to what may be a row; false at the end.
bool CsvRows::find_row() {
  if (blank_lines_ > 0) return true;
  do {
    if (!skip_blank_lines()) return false;
  } while (blank_lines_ == 0 && skip_comment());
  return true;
}

void CsvRows::read_row() {
  row_line_ = line_;
  while (!mark_row()) {
    line_ = row_line_;
    refill();
  }
  unquote();
  bool has_last = cells_.size() == layout_.columns + 1 && layout_.columns != kAnyWidth &&
                  layout_.columns > 0 && trim(cells_.back()).empty();
  if (!has_last) return;
  cells_.pop_back();
  if (rows_given_ >= layout_.head_rows) ++passed_over_.last_cells;
}

/// Whether the row that was read is none: a comment, or a line of blanks.
bool CsvRows::pass_over() {
  if (is_as_wide() || layout_.columns == kAnyWidth) return false;
  if (cells_[0].starts_with('#')) return ++passed_over_.comments, true;
  bool is_blank = cells_.size() == 1 && trim(cells_[0]).empty();
  return is_blank ? ++passed_over_.blank_lines, true : false;
}

bool CsvRows::is_as_wide() const {
  return layout_.columns == 0 || cells_.size() == layout_.columns;
}

/// Counts blank lines as rows to be given, unless nothing follows on them or rows have several
/// cells; false at the end.
bool CsvRows::skip_blank_lines() {
  blank_line_ = line_;
  while (true) {
    if (end_ - at_ < 2 && refill()) continue;  // two: \r\n is one end of a line
    if (at_ == end_) return blank_lines_ = 0, false;
    if (*at_ != '\n' && *at_ != '\r') break;
    at_ += *at_ == '\r' && end_ - at_ > 1 && at_[1] == '\n' ? 2 : 1;
    ++line_;
    ++blank_lines_;
  }
  bool are_rows = layout_.columns <= 1 || layout_.columns == kAnyWidth;
  if (are_rows) return true;
  passed_over_.blank_lines += blank_lines_;
  blank_lines_ = 0;
  return true;
}

/// Goes behind the line at at_ where it is a comment whatever its width.
bool CsvRows::skip_comment() {
  if (*at_ != '#') return false;
  bool is_comment = end_ - at_ < 2 || std::strchr(" \t#\r\n", at_[1]) != nullptr;
  if (!is_comment) return false;
  size_t length = 0;
  while (true) {
    while (at_ + length < end_ && at_[length] != '\n' && at_[length] != '\r') ++length;
    if (at_ + length + 1 < end_ || is_whole_) break;
    refill();
  }
  last_comment_.assign(at_, std::min(length, kLongestComment));
  at_ += length;
  if (at_ < end_) at_ += *at_ == '\r' && end_ - at_ > 1 && at_[1] == '\n' ? 2 : 1;
  ++line_;
  ++passed_over_.comments;
  return true;
}

/// Marks the cells of the row at at_ and goes behind it; false when the text in the buffer ends
/// before the row does, with at_ where it was.
bool CsvRows::mark_row() {
  char* begin = at_;
  auto more_needed = [&] { return at_ = begin, false; };
  const bool by_blanks = layout_.delimiter == ' ';
  marks_.clear();
  while (true) {
    while (by_blanks && at_ < end_ && is_blank(*at_)) ++at_;
    bool is_end_of_blanks =
        by_blanks && !marks_.empty() && (at_ == end_ || *at_ == '\n' || *at_ == '\r');
    if (!is_end_of_blanks && !mark_cell()) return more_needed();
    if (end_ - at_ < 2 && !is_whole_) return more_needed();
    if (at_ == end_) return true;
    char c = *at_++;
    if (c == layout_.delimiter || (by_blanks && c == '\t')) continue;
    if (c == '\r' && at_ < end_ && *at_ == '\n') ++at_;
    ++line_;
    return true;
  }
}

/// Marks the cell at at_ and goes behind it; false when the text in the buffer ends within quotes.
bool CsvRows::mark_cell() {
  if (at_ < end_ && *at_ == '"') return mark_quoted();
  char* cell = at_;
  const char delimiter = layout_.delimiter;
  if (delimiter == ' ') {
    while (at_ < end_ && !is_blank(*at_) && *at_ != '\n' && *at_ != '\r') ++at_;
  } else {
    while (at_ < end_ && *at_ != delimiter && *at_ != '\n' && *at_ != '\r') ++at_;
  }
  marks_.push_back({cell, at_, false});
  return true;
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
  bool ended = at_ == end_ || *at_ == layout_.delimiter || *at_ == '\n' || *at_ == '\r' ||
               (layout_.delimiter == ' ' && *at_ == '\t');
  ELBO_CHECK(ended, Code::data,
             "{}:{}: '{}' follows a closing quote, expected '{}' or the end of the line\n"
             "A quote inside a quoted field is written twice.",
             where_, line_, *at_, layout_.delimiter);
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

std::string encode_csv(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows) {
  std::string out;
  size_t width = !header.empty() ? header.size() : rows.empty() ? 0 : rows[0].size();
  if (!header.empty()) append_row(out, header, width);
  for (const auto& row : rows) append_row(out, row, width);
  return out;
}

}  // namespace elbo
