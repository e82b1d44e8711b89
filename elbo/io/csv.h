// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "elbo/core/files.h"

namespace elbo {

/// A parsed table of text cells: RFC 4180 quoting, LF or CRLF, every row as wide as the first.
struct CsvTable {
  std::vector<std::string> header;             ///< empty when the file has none
  std::vector<std::vector<std::string>> rows;  ///< [N][D]
  std::vector<int64_t> lines;                  ///< [N] the line on which each row starts, from 1
};

/// header: "yes", "no", or "auto" (a first row of which no cell is a number while a later cell in
/// some column is). delimiter '\0' means: the one of , ; tab | that the first rows agree on.
/// Throws Error(Code::data) with line and column.
CsvTable parse_csv(std::string_view text, std::string_view where, char delimiter = '\0',
                   std::string_view header = "auto");

/// One table as text; cells are quoted where they must be.
std::string encode_csv(const std::vector<std::string>& header,
                       const std::vector<std::vector<std::string>>& rows);

}  // namespace elbo
