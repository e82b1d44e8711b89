// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
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

/// How the rows of a text are laid out.
struct CsvLayout {
  char delimiter = ',';  ///< between two cells; ' ' stands for any run of spaces and tabs
  /// Cells of each row; 0: as many as the first has. kAnyWidth: rows of any width.
  size_t columns = 0;
  size_t head_rows = 0;  ///< the first rows, which name things: they may be of any width
};
inline constexpr size_t kAnyWidth = SIZE_MAX;

/// What was passed over between the rows of a table.
struct CsvPassedOver {
  int64_t comments = 0;     ///< lines
  int64_t blank_lines = 0;  ///< of tables of several columns
  int64_t last_cells = 0;   ///< rows with a delimiter at their end and nothing behind it
};

/// The rows of a table of text one after another, in memory that grows with the longest row only:
/// RFC 4180 quoting, LF, CRLF or CR, every row equally wide. A quote inside an unquoted cell stands
/// for itself. Passed over are: blank lines at the end, and all of them where rows have several
/// cells; an empty cell more than the others have; a line that starts with "# " or "##", or with #
/// and is not as wide as a row. Throws Error(Code::data) with the line of any fault.
class CsvRows {
 public:
  /// `buffer`: bytes held of the text, at least 1; more where a row needs them.
  CsvRows(TextSource source, std::string_view where, CsvLayout layout = {},
          size_t buffer = kTextBuffer);
  /// The rows of a text in memory, which is unquoted in place: cells stay valid with it.
  CsvRows(std::span<char> text, std::string_view where, CsvLayout layout = {});

  bool next();  ///< goes to the next row; false after the last one
  /// The row's cells, unquoted; of a source they are valid until next().
  const std::vector<std::string_view>& cells() const { return cells_; }
  int64_t line() const { return row_line_; }  ///< on which the row starts, from 1
  const CsvPassedOver& passed_over() const { return passed_over_; }
  const std::string& last_comment() const { return last_comment_; }  ///< without its line end

 private:
  struct Mark {  // a cell as it stands in the text
    char* begin;
    char* end;
    bool has_pairs;  // of quotes, each to become one
  };

  void start(std::string_view where);
  bool refill();
  void check_is_text(const char* from) const;
  bool find_row();
  bool skip_blank_lines();
  bool skip_comment();
  void read_row();
  bool pass_over();
  bool is_as_wide() const;
  bool mark_row();
  bool mark_cell();
  bool mark_quoted();
  void unquote();
  bool is_blank(char c) const { return c == ' ' || c == '\t'; }

  TextSource source_;
  std::vector<char> buffer_;
  char *at_ = nullptr, *end_ = nullptr;
  bool is_whole_ = false;  // nothing follows on end_
  std::string where_;
  CsvLayout layout_;
  std::vector<Mark> marks_;
  std::vector<std::string_view> cells_;
  size_t rows_given_ = 0;
  int64_t line_ = 1, row_line_ = 0, first_line_ = 0;
  int64_t blank_lines_ = 0, blank_line_ = 0;  // still to be given, and the line of the next one
  CsvPassedOver passed_over_;
  std::string last_comment_;
};

/// One table as text; cells are quoted where they must be.
std::string encode_csv(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows);

/// The text without spaces and tabs at its ends.
std::string_view trim(std::string_view text);
/// Reads a whole cell as a number: spaces around it and a leading + are allowed. Infinities and NaN
/// are numbers here. Returns false when it is none.
bool parse_number(std::string_view cell, double& out);

}  // namespace elbo
