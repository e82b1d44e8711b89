// SPDX-License-Identifier: Apache-2.0
#include "elbo/report/text_table.h"

#include <algorithm>
#include <cctype>

#include "elbo/report/markup.h"

namespace elbo {
namespace {

bool starts_like_a_number(const std::string& cell) {
  size_t sign = cell[0] == '-' || cell[0] == '+' ? 1 : 0;
  if (cell.compare(sign, 3, "nan") == 0 || cell.compare(sign, 3, "inf") == 0) return true;
  return sign < cell.size() && std::isdigit(static_cast<unsigned char>(cell[sign]));
}

/// A line break inside a cell would break the table.
std::string one_line(std::string cell) {
  std::replace_if(
      cell.begin(), cell.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
  return cell;
}

}  // namespace

std::vector<bool> number_columns(const std::vector<Row>& rows) {
  size_t columns = 0;
  for (const Row& row : rows) columns = std::max(columns, row.size());
  std::vector<bool> any(columns, false), all(columns, true);
  for (const Row& row : rows) {
    for (size_t c = 0; c < row.size(); ++c) {
      if (row[c].empty()) continue;
      any[c] = true;
      all[c] = all[c] && starts_like_a_number(row[c]);
    }
  }
  for (size_t c = 0; c < columns; ++c) all[c] = all[c] && any[c];
  return all;
}

std::string text_table(const Row& header, const std::vector<Row>& rows) {
  std::vector<bool> right = number_columns(rows);
  std::vector<Row> lines;
  if (!header.empty()) lines.push_back(header);
  lines.insert(lines.end(), rows.begin(), rows.end());
  right.resize(std::max(right.size(), header.size()));
  std::vector<size_t> widths(right.size());
  for (Row& line : lines) {
    for (size_t c = 0; c < line.size(); ++c) {
      line[c] = one_line(std::move(line[c]));
      widths[c] = std::max(widths[c], text_width(line[c]));
    }
  }
  std::string out;
  for (const Row& line : lines) {
    for (size_t c = 0; c < line.size(); ++c) {
      std::string space(widths[c] - text_width(line[c]), ' ');
      if (c > 0) out += "  ";
      out += right[c] ? space + line[c] : line[c] + space;
    }
    out.erase(out.find_last_not_of(' ') + 1);
    out += '\n';
  }
  return out;
}

}  // namespace elbo
