// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "elbo/io/csv_format.h"
#include "elbo/io/fuzz/fuzz.h"
#include "elbo/io/readers.h"

using namespace elbo;

namespace {

/// Whether a text says nothing of its own form at its start: an encoding, a comment, a delimiter.
bool is_plain(const CsvTable& table) {
  auto is_ascii = [](std::string_view cell) {
    return std::all_of(cell.begin(), cell.end(), [](char c) { return c > 0; });
  };
  std::string_view first = table.at(0, 0);
  return std::all_of(table.cells.begin(), table.cells.end(), is_ascii) && !first.starts_with('#') &&
         !first.starts_with("sep=");
}

void check_round_trip(const CsvTable& table) {
  if (!is_plain(table)) return;
  std::vector<std::vector<std::string>> rows(table.rows());
  for (size_t r = 0; r < table.rows(); ++r) {
    for (size_t c = 0; c < table.columns; ++c) rows[r].emplace_back(table.at(r, c));
  }
  CsvTable again = parse_csv(encode_csv({}, rows), "f", ',', "no");
  require(again.columns == table.columns && again.cells == table.cells);
}

/// A text that comes in pieces has the rows of the whole, and the same faults.
void check_pieces(const std::string& text) {
  auto rows_of = [](CsvRows rows) {
    std::vector<std::string> out;
    try {
      while (rows.next()) {
        for (auto cell : rows.cells()) out.emplace_back(cell);
        out.push_back(std::to_string(rows.line()));
      }
    } catch (const Error& e) {
      out.push_back(e.message());
    }
    return out;
  };
  TextSource pieces = [left = std::string_view(text)](std::span<char> out) mutable {
    size_t n = left.copy(out.data(), std::min<size_t>(out.size(), 3));
    left.remove_prefix(n);
    return n;
  };
  if (text.find('\0') != std::string::npos) return;  // found before the rows that precede it
  for (char delimiter : {',', ' '}) {
    std::string copy = text;
    require(rows_of(CsvRows(pieces, "f", {delimiter}, 5)) ==
            rows_of(CsvRows(std::span(copy), "f", {delimiter})));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  fuzz([&] { check_pieces(text); });
  fuzz([&] { check_round_trip(parse_csv(text, "f")); });
  fuzz([&] { read_csv_data(text, "f", {}, {}); });
  fuzz([&] { read_csv_data(text, "f", {.header = "no"}, {.target = "1"}); });
  fuzz([&] { read_csv_data(text, "f", {.delimiter = "blanks", .decimal = ","}, {.id = "1"}); });
  return 0;
}
