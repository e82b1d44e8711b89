// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "elbo/core/files.h"

namespace elbo {

/// Gives the next part of a text: fills the buffer and returns the bytes it put there, 0 at the
/// end.
using TextSource = std::function<size_t(std::span<char>)>;
/// The source of a text in memory, which must outlive it.
TextSource text_source(std::string_view text);

/// Bytes of a text that are held at once, and looked at to find out the delimiter.
inline constexpr size_t kTextBuffer = size_t{1} << 20;

/// What stands above the rows of a table.
struct CsvHead {
  std::vector<std::string> header;  ///< D names, or empty when the file has none
  size_t columns = 0;               ///< D
  /// "column 'age'", or "column 3" (from 1) without a header.
  std::string column_text(size_t column) const;
};

/// The rows of a table of text one after another, in memory that grows with the longest row only:
/// RFC 4180 quoting, LF or CRLF, every row as wide as the first. A quote inside an unquoted cell
/// stands for itself; blank lines at the end are ignored. delimiter '\0' means: the one of
/// tab ; | , that the first rows agree on. Throws Error(Code::data) with the line of any fault.
class CsvRows {
 public:
  /// `buffer`: bytes held of the text, at least 1; more where a row needs them.
  CsvRows(TextSource source, std::string_view where, char delimiter = '\0',
          size_t buffer = kTextBuffer);
  /// The rows of a text in memory, which is unquoted in place: cells stay valid with it.
  CsvRows(std::span<char> text, std::string_view where, char delimiter = '\0');

  bool next();  ///< goes to the next row; false after the last one
  /// The row's cells, unquoted; of a source they are valid until next().
  const std::vector<std::string_view>& cells() const { return cells_; }
  int64_t line() const { return row_line_; }  ///< on which the row starts, from 1

 private:
  struct Mark {  // a cell as it stands in the text
    char* begin;
    char* end;
    bool has_pairs;  // of quotes, each to become one
  };

  void start(std::string_view where, char delimiter);
  bool refill();
  void check_is_text(const char* from) const;
  bool skip_blank_lines();
  bool mark_row();
  bool mark_quoted();
  void unquote();

  TextSource source_;
  std::vector<char> buffer_;
  char *at_ = nullptr, *end_ = nullptr;
  bool is_whole_ = false;  // nothing follows on end_
  std::string where_;
  char delimiter_ = ',';
  std::vector<Mark> marks_;
  std::vector<std::string_view> cells_;
  size_t columns_ = 0;
  int64_t line_ = 1, row_line_ = 0, first_line_ = 0;
  int64_t blank_lines_ = 0, blank_line_ = 0;  // still to be given, and the line of the next one
};

/// Whether the first row names the columns: "yes", "no", or "auto" (no cell of it is a number while
/// a later cell in some column is). Reads as far as it must.
bool has_header(TextSource source, std::string_view where, char delimiter, std::string_view asked,
                size_t buffer = kTextBuffer);
/// The names in a first row; "column 3" where one is empty.
std::vector<std::string> header_of(const std::vector<std::string_view>& cells);

/// A parsed table in memory.
struct CsvTable : CsvHead {
  std::vector<std::string_view> cells;  ///< [N * D], unquoted; they point into `text`
  std::vector<int64_t> lines;           ///< [N] the line on which each row starts, from 1
  std::shared_ptr<const std::string> text;

  size_t rows() const { return lines.size(); }
  std::string_view at(size_t row, size_t column) const { return cells[row * columns + column]; }
};

/// header: see has_header; delimiter: see CsvRows. Throws Error(Code::data) with line and column.
CsvTable parse_csv(std::string text, std::string_view where, char delimiter = '\0',
                   std::string_view header = "auto");

/// One table as text; cells are quoted where they must be.
std::string encode_csv(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows);

/// The text without spaces and tabs at its ends.
std::string_view trim(std::string_view text);
/// Reads a whole cell as a number: spaces around it and a leading + are allowed. Infinities and NaN
/// are numbers here. Returns false when it is none.
bool parse_number(std::string_view cell, double& out);

}  // namespace elbo
