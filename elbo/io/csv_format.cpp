// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/csv_format.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "elbo/io/csv_cells.h"
#include "elbo/io/text_encoding.h"

namespace elbo {
namespace {

constexpr std::string_view kDelimiters = "\t;|, ";  // in order of preference; ' ' means blanks
constexpr size_t kRowsForDelimiter = 20, kRowsForHeader = 300;

using Cells = std::vector<std::string_view>;

/// The first rows of a text, cut by one delimiter.
struct HeadRows {
  std::string text;  // into which the cells point
  std::vector<Cells> rows;
  std::string comment;  // the last one above the first row
  size_t columns = 1;
  bool is_even = false;  // every row has as many cells
  double share = 0;      // of the cells below the first row that are values or missing
};

bool is_missing_or_value(std::string_view cell) { return is_missing_word(cell) || is_value(cell); }

bool ends_empty(const Cells& row) { return trim(row.back()).empty(); }

/// The commonest width below the first row, where they tie that of the first row.
size_t usual_width(const std::vector<Cells>& rows) {
  std::map<size_t, size_t> counts;
  for (size_t i = rows.size() > 1 ? 1 : 0; i < rows.size(); ++i) ++counts[rows[i].size()];
  size_t best = 0;
  for (auto [width, count] : counts) {
    bool is_more = best == 0 || count > counts[best];
    if (is_more || (count == counts[best] && width == rows[0].size())) best = width;
  }
  return best;
}

void measure(HeadRows& head) {
  std::erase_if(head.rows, [](const Cells& r) { return r.size() == 1 && trim(r[0]).empty(); });
  if (head.rows.empty()) return;
  head.columns = usual_width(head.rows);
  std::erase_if(head.rows,
                [&](const Cells& r) { return r[0].starts_with('#') && r.size() != head.columns; });
  if (head.rows.empty()) return;
  // "a,b" above "1,2," and the like: what stands behind the last delimiter is no cell.
  bool all_end_empty = head.columns > 1 && head.rows[0].size() == head.columns - 1;
  for (size_t i = 1; i < head.rows.size(); ++i) {
    all_end_empty = all_end_empty && ends_empty(head.rows[i]);
  }
  if (all_end_empty) --head.columns;
  size_t known = 0, all = 0;
  head.is_even = head.columns > 1;
  for (size_t i = 0; i < head.rows.size(); ++i) {
    const Cells& row = head.rows[i];
    bool fits = row.size() == head.columns || (row.size() == head.columns + 1 && ends_empty(row)) ||
                (i == 0 && row.size() + 1 == head.columns && head.rows.size() > 1);
    head.is_even = head.is_even && fits;
    if (i == 0 && head.rows.size() > 1) continue;
    for (std::string_view cell : row) known += is_missing_or_value(trim(cell));
    all += row.size();
  }
  head.share = static_cast<double>(known) / static_cast<double>(std::max<size_t>(all, 1));
}

HeadRows cut(std::string_view text, bool is_whole, char delimiter, size_t most) {
  HeadRows out;
  out.text = text;
  try {
    CsvRows rows(std::span<char>(out.text), "", {delimiter, kAnyWidth});
    while (out.rows.size() <= most && rows.next()) {
      out.rows.push_back(rows.cells());
      if (out.rows.size() == 1) out.comment = rows.last_comment();
    }
    bool is_last_cut = !is_whole || out.rows.size() > most;
    if (is_last_cut && out.rows.size() > 1) out.rows.pop_back();
  } catch (const Error&) {
    // The rows before the fault tell enough; whoever reads the table meets it again.
  }
  measure(out);
  return out;
}

char find_delimiter(std::string_view text, bool is_whole) {
  char best = ',', ragged = ',';
  double best_share = -1;
  size_t most_cells = 0;
  for (char delimiter : kDelimiters) {
    HeadRows head = cut(text, is_whole, delimiter, kRowsForDelimiter);
    if (head.is_even && head.share > best_share && (delimiter != ' ' || head.share >= 0.5)) {
      best = delimiter;
      best_share = head.share;
    }
    size_t cells = head.rows.empty() ? 0 : head.rows[0].size();
    if (delimiter != ' ' && cells > most_cells) {
      ragged = delimiter;
      most_cells = cells;
    }
  }
  return best_share >= 0 ? best : ragged;
}

/// What the cells of a column below the header are.
struct BodyColumn {
  size_t values = 0, texts = 0;
  double low = INFINITY, high = -INFINITY;  // of the plain numbers
  bool is_numeric() const { return values > 0 && values >= 9 * texts; }
};

std::vector<BodyColumn> look_at(std::span<const Cells> rows, size_t columns) {
  std::vector<BodyColumn> out(columns);
  for (const Cells& row : rows) {
    for (size_t c = 0; c < std::min(columns, row.size()); ++c) {
      std::string_view cell = trim(row[c]);
      double value = 0;
      if (read_cell(CellForm::number, cell, value)) {
        ++out[c].values;
        out[c].low = std::min(out[c].low, value);
        out[c].high = std::max(out[c].high, value);
      } else if (!is_missing_word(cell)) {
        ++(is_value(cell) ? out[c].values : out[c].texts);
      }
    }
  }
  return out;
}

bool rises_evenly(const std::vector<double>& x) {
  double step = (x.back() - x.front()) / static_cast<double>(x.size() - 1);
  for (size_t i = 1; i < x.size(); ++i) {
    if (!(std::abs(x[i] - x[i - 1] - step) <= 0.1 * std::abs(step))) return false;
  }
  return step != 0;
}

/// Whether numbers in a first row are names: even steps, and far from what stands below.
bool are_numbers_names(const Cells& first, const std::vector<BodyColumn>& body) {
  std::vector<double> numbers;
  bool is_text_over_numbers = false;
  for (size_t c = 0; c < body.size(); ++c) {
    double value = 0;
    bool is_number = read_cell(CellForm::number, trim(first[c]), value);
    if (!body[c].is_numeric()) {
      if (is_number) return false;
      continue;
    }
    if (!is_number) {
      is_text_over_numbers = true;
      continue;
    }
    double spread = body[c].high - body[c].low;
    if (spread == 0) spread = std::abs(body[c].low);
    bool is_outside = value < body[c].low - spread || value > body[c].high + spread;
    if (!is_outside) return false;
    numbers.push_back(value);
  }
  return numbers.size() >= (is_text_over_numbers ? 2 : 3) && rises_evenly(numbers);
}

/// In a table of texts: no text of the first row is met again, while others are.
bool are_texts_names(const std::vector<Cells>& rows, size_t columns) {
  bool repeats = false;
  for (size_t c = 0; c < columns; ++c) {
    std::map<std::string_view, size_t> counts;
    for (size_t r = 1; r < rows.size(); ++r) {
      if (c < rows[r].size()) ++counts[trim(rows[r][c])];
    }
    if (counts.count(trim(rows[0][c]))) return false;
    repeats = repeats || counts.size() + 1 < rows.size();
  }
  return repeats;
}

bool has_value(const Cells& row) {
  return std::any_of(row.begin(), row.end(), [](auto cell) { return is_value(trim(cell)); });
}

/// Whether the first of these rows names the columns. `by_numbers`: it does though it has numbers.
bool is_header(const std::vector<Cells>& rows, size_t columns, bool& by_numbers) {
  bool is_short = rows[0].size() + 1 == columns;
  if (!is_short && rows[0].size() < columns) return false;
  if (rows.size() == 1) return !has_value(rows[0]);
  if (!has_value(rows[0])) {
    bool values = std::any_of(rows.begin() + 1, rows.end(), has_value);
    return values || is_short || are_texts_names(rows, columns);
  }
  if (is_short || rows.size() < 4) return false;
  by_numbers = are_numbers_names(rows[0], look_at(std::span(rows).subspan(1), columns));
  return by_numbers;
}

/// Whether the row below the header names units: texts over numbers, and no value.
bool are_units(std::span<const Cells> body, size_t columns) {
  if (body.size() < 3 || columns < 2) return false;
  std::vector<BodyColumn> rest = look_at(body.subspan(1), columns);
  size_t numeric = 0, named = 0;
  for (size_t c = 0; c < std::min(columns, body[0].size()); ++c) {
    std::string_view cell = trim(body[0][c]);
    if (is_value(cell)) return false;
    if (!rest[c].is_numeric() || rest[c].texts > 0) continue;
    ++numeric;
    named += !is_missing_word(cell) && cell.size() <= 24;
  }
  return named > 0 && 2 * named >= numeric;
}

/// The words of a comment, where they are as many as there are columns.
std::optional<Cells> names_in(std::string& comment, char delimiter, size_t columns) {
  std::string_view text = comment;
  while (text.starts_with('#')) text.remove_prefix(1);
  comment = trim(text);
  if (comment.empty()) return std::nullopt;
  try {
    CsvRows rows(std::span<char>(comment), "", {delimiter, kAnyWidth});
    if (!rows.next() || rows.cells().size() != columns) return std::nullopt;
    return rows.cells();
  } catch (const Error&) {
    return std::nullopt;
  }
}

/// Names in UTF-8 without blanks at their ends, "column 3" for an empty one, and "a (2)" for an "a"
/// that was met before.
std::vector<std::string> make_names(const Cells& cells, CsvFormat& format) {
  std::vector<std::string> out;
  std::string renamed;
  bool was_not_utf8 = false;
  for (std::string_view cell : cells) {
    std::string name(trim(to_utf8(cell, was_not_utf8)));
    if (out.empty() && name.size() > 1 && name[0] == '#')
      name = trim(std::string_view(name).substr(1));
    if (name.empty()) name = fmt::format("column {}", out.size() + 1);
    std::string unique = name;
    for (int n = 2; std::find(out.begin(), out.end(), unique) != out.end(); ++n) {
      unique = fmt::format("{} ({})", name, n);
    }
    if (unique != name) renamed += fmt::format("{}'{}'", renamed.empty() ? "" : ", ", unique);
    out.push_back(std::move(unique));
  }
  if (was_not_utf8) format.notes.push_back("the names are not UTF-8 and are read as Windows-1252");
  if (!renamed.empty()) {
    format.notes.push_back(
        fmt::format("columns that have a name of another one are called {}", renamed));
  }
  return out;
}

std::string row_text(const Cells& cells) {
  constexpr size_t kShown = 3;
  std::string out;
  for (size_t i = 0; i < std::min(cells.size(), kShown); ++i) {
    out += fmt::format("{}{}", i ? ", " : "", trim(cells[i]));
  }
  return cells.size() > kShown ? out + fmt::format(", .. {}", trim(cells.back())) : out;
}

/// What of a text is needed to find out its format.
std::string read_head(const TextSource& source, size_t buffer, bool& is_whole) {
  std::string out(buffer, '\0');
  size_t n = 0;
  for (size_t got = 1; got > 0 && n < out.size(); n += got) {
    got = source({out.data() + n, out.size() - n});
    is_whole = got == 0;
  }
  out.resize(n);
  return out;
}

/// "sep=;" on a line of its own is what Excel takes a delimiter from.
char delimiter_of_first_line(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  bool is_so =
      text.size() > 5 && lower(text.substr(0, 4)) == "sep=" && (text[5] == '\r' || text[5] == '\n');
  return is_so ? text[4] : '\0';
}

/// Whether the last column has neither a name nor a cell.
bool ends_nameless(const std::vector<Cells>& rows, size_t columns) {
  bool may_be = columns > 1 && rows.size() > 1 && rows[0].size() >= columns;
  return may_be && std::all_of(rows.begin(), rows.end(), [&](const Cells& row) {
           return row.size() < columns || trim(row[columns - 1]).empty();
         });
}

/// Puts the words of the comment above the first row before it, where they name the columns.
bool take_names_from_comment(HeadRows& head, char delimiter) {
  bool by_numbers = false;
  std::optional<Cells> names = names_in(head.comment, delimiter, head.columns);
  if (!names) return false;
  head.rows.insert(head.rows.begin(), *names);
  if (is_header(head.rows, head.columns, by_numbers)) return true;
  head.rows.erase(head.rows.begin());
  return false;
}

/// Finds out where the names stand; those are rows[0] then. False where there are none.
bool find_names(CsvFormat& format, HeadRows& head, std::string_view asked) {
  bool by_numbers = false;
  bool named =
      asked == "yes" || (asked == "auto" && is_header(head.rows, head.columns, by_numbers));
  if (named) {
    ++format.layout.head_rows;
    if (by_numbers) {
      format.notes.push_back(fmt::format(
          "the first row, {}, has even steps and lies far outside the values below it: it is taken "
          "as the columns' names (--reader csv --reader.header no makes it a row)",
          row_text(head.rows[0])));
    }
    return true;
  }
  if (asked != "auto" || !take_names_from_comment(head, format.layout.delimiter)) return false;
  format.notes.push_back(
      fmt::format("the comment above the first row names the columns: {}", row_text(head.rows[0])));
  return true;
}

void set_header(CsvFormat& format, HeadRows& head, std::string_view asked) {
  if (!find_names(format, head, asked)) return;
  std::vector<Cells>& rows = head.rows;
  if (rows[0].size() + 1 == head.columns && rows.size() > 1) {
    rows[0].insert(rows[0].begin(), std::string_view());
  }
  if (ends_nameless(rows, head.columns)) {
    --head.columns;
    format.notes.push_back("every row ends with a delimiter, behind which there is no cell");
  }
  rows[0].resize(head.columns);
  format.has_row_names = trim(rows[0][0]).empty();
  if (asked != "yes" && are_units(std::span(rows).subspan(1), head.columns)) {
    ++format.layout.head_rows;
    bool ignored = false;
    for (std::string_view cell : rows[1]) format.units.push_back(to_utf8(trim(cell), ignored));
    format.units.resize(head.columns);
    format.notes.push_back(
        fmt::format("the row below the names, {}, is taken as the columns' units and left out",
                    row_text(rows[1])));
  }
  format.header = make_names(rows[0], format);
}

}  // namespace

CsvFormat find_format(TextSource source, char delimiter, std::string_view header, size_t buffer) {
  bool is_whole = false;
  std::string text = read_head(source, buffer, is_whole);
  CsvFormat out;
  char named = delimiter_of_first_line(text);
  std::string_view rest = text;
  if (named) {
    if (!delimiter) delimiter = named;
    rest.remove_prefix(rest.find('=') + 2);
    out.layout.head_rows = 1;
    out.notes.push_back(fmt::format("the first line, sep={}, names the delimiter", named));
  }
  out.layout.delimiter = delimiter ? delimiter : find_delimiter(rest, is_whole);
  HeadRows head = cut(rest, is_whole, out.layout.delimiter, kRowsForHeader);
  if (!head.rows.empty()) set_header(out, head, header);
  if (out.layout.delimiter == ' ') out.notes.push_back("cells are separated by blanks");
  out.columns = out.layout.columns = head.columns;
  return out;
}

CsvTable parse_csv(std::string text, std::string_view where, char delimiter,
                   std::string_view header) {
  std::string encoding = wide_encoding(text);
  if (!encoding.empty()) {
    TextSource source = in_utf8(text_source(text), encoding);
    std::string utf8, piece(1 << 16, '\0');
    while (size_t n = source(piece)) utf8.append(piece, 0, n);
    text = std::move(utf8);
  }
  auto owned = std::make_shared<std::string>(std::move(text));
  CsvFormat format =
      find_format(text_source(*owned), delimiter, header, std::min(owned->size() + 1, kTextBuffer));
  CsvTable out;
  static_cast<CsvHead&>(out) = format;
  out.text = owned;
  CsvRows rows(std::span<char>(*owned), where, format.layout);
  bool any = rows.next();
  ELBO_CHECK(any, Code::data, "{}: holds no rows", where);
  for (size_t i = 0; i < format.layout.head_rows; ++i) any = rows.next();
  for (; any; any = rows.next()) {
    out.lines.push_back(rows.line());
    out.cells.insert(out.cells.end(), rows.cells().begin(), rows.cells().end());
  }
  ELBO_CHECK(out.rows() > 0, Code::data, "{}: holds a header and no rows", where);
  return out;
}

}  // namespace elbo
