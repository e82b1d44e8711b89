// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "elbo/io/csv.h"

namespace elbo {

/// How a table of text is written, as its first rows tell.
struct CsvFormat : CsvHead {
  CsvLayout layout;
  std::vector<std::string> units;  ///< D, of a row below the header that names them; or empty
  bool has_row_names = false;      ///< the header has no name for the first column
  std::vector<std::string> notes;  ///< what was decided that may surprise, a sentence each
};

/// Looks at the first `buffer` bytes of a text. delimiter '\0': the one of tab ; | , or runs of
/// blanks by which the rows are equally wide and most cells are values. header: whether the first
/// row names the columns: "yes", "no", or "auto": it has no value while later rows have; or it has
/// numbers that rise or fall evenly and lie far outside what follows; or no text of it is met again
/// in a table of texts that are. A comment of as many words above the first row names the columns
/// too. Names are UTF-8, and none comes twice. Never throws for the text.
CsvFormat find_format(TextSource source, char delimiter = '\0', std::string_view header = "auto",
                      size_t buffer = kTextBuffer);

/// A parsed table in memory.
struct CsvTable : CsvHead {
  std::vector<std::string_view> cells;  ///< [N * D], unquoted; they point into `text`
  std::vector<int64_t> lines;           ///< [N] the line on which each row starts, from 1
  std::shared_ptr<const std::string> text;

  size_t rows() const { return lines.size(); }
  std::string_view at(size_t row, size_t column) const { return cells[row * columns + column]; }
};

/// A text in any encoding of text_encoding.h. Throws Error(Code::data) with line and column.
CsvTable parse_csv(std::string text, std::string_view where, char delimiter = '\0',
                   std::string_view header = "auto");

}  // namespace elbo
