// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "elbo/core/files.h"

namespace elbo {

/// A parsed table of text cells: RFC 4180 quoting, LF or CRLF, every row as wide as the first.
/// A quote inside an unquoted cell stands for itself; blank lines at the end are ignored.
struct CsvTable {
  std::vector<std::string> header;      ///< D names, or empty when the file has none
  size_t columns = 0;                   ///< D
  std::vector<std::string_view> cells;  ///< [N * D], unquoted; they point into `text`
  std::vector<int64_t> lines;           ///< [N] the line on which each row starts, from 1
  std::shared_ptr<const std::string> text;

  size_t rows() const { return lines.size(); }
  std::string_view at(size_t row, size_t column) const { return cells[row * columns + column]; }
  /// "column 'age'", or "column 3" (from 1) without a header.
  std::string column_text(size_t column) const;
};

/// header: "yes", "no", or "auto" (a first row of which no cell is a number while a later cell in
/// some column is). delimiter '\0' means: the one of tab ; | , that the first rows agree on.
/// Throws Error(Code::data) with line and column.
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
