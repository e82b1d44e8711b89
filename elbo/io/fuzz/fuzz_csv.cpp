// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/fuzz/fuzz.h"
#include "elbo/io/readers.h"

using namespace elbo;

namespace {

void check_round_trip(const CsvTable& table) {
  std::vector<std::vector<std::string>> rows(table.rows());
  for (size_t r = 0; r < table.rows(); ++r) {
    for (size_t c = 0; c < table.columns; ++c) rows[r].emplace_back(table.at(r, c));
  }
  CsvTable again = parse_csv(encode_csv({}, rows), "f", ',', "no");
  require(again.columns == table.columns && again.cells == table.cells);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text(reinterpret_cast<const char*>(data), size);
  fuzz([&] { check_round_trip(parse_csv(text, "f")); });
  fuzz([&] { read_csv_data(text, "f", {}, {}); });
  fuzz([&] { read_csv_data(text, "f", {.header = "no"}, {.target = "1"}); });
  return 0;
}
