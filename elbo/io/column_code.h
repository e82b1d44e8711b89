// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace elbo {

/// How the cells of a column become numbers, where the data decided it: stored with a model, so
/// that it reads other files as it read the first. "number" needs no words; points in time are
/// counted in {"days"} or {"seconds"} since 1970-01-01; of "words" {"no", "yes"} the first is 0 and
/// the second 1.
struct ColumnCode {
  std::string form = "number";  ///< "grouped digits", "decimal comma", "ISO date", .. or "words"
  std::vector<std::string> words = {};
  bool operator==(const ColumnCode&) const = default;
};

}  // namespace elbo
