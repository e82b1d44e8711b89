// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <vector>

#include "elbo/tasks/output.h"
#include "elbo/tasks/run.h"

namespace elbo {

/// Some rows of some data, and what to call them.
struct Selection {
  DatasetPtr data;      ///< in the order of the file
  Schema schema;        ///< of these data, which may name other classes than the run's
  std::string name;     ///< "24 test rows of table"
  std::string text;     ///< the name, with "; 192 of them were trained on" where that is so
  std::string split;    ///< "train", "valid", "test" or "all"
  std::string id_name;  ///< what Dataset::ids are called
  std::vector<std::string> notes;  ///< the reader's, and what of these rows the model has not met
  bool is_whole = false;           ///< whether these are all rows of a file that was named
  std::vector<uint8_t> parts;  ///< [N] index into kSplits, where rows of several splits are taken

  /// What says which example each of these rows is, for a .csv: `row`, its number in its file from
  /// 1; the id or file name and the split, where there are any; its label. y: Batch::y of the rows.
  std::vector<TextColumn> keys(std::span<const int64_t> rows, const Tensor& y) const;
  /// The numbers that `row` gives.
  std::vector<int64_t> numbers(std::span<const int64_t> rows) const;
  /// Where the rows with these numbers stand in `data`. Throws Error(Code::usage), naming the
  /// option, for a number that is not there.
  std::vector<int64_t> places(std::span<const int64_t> numbers, const char* option) const;
};

/// The splits that rows of a run's own data may belong to; "unused" are those beyond data.limit.
inline constexpr const char* kSplits[] = {"train", "valid", "test", "unused"};

/// The rows of `file`, or of the run's own data where none is named. `auto` is every row of a file
/// that is named, in its order, also where it is the one the run was trained on; else `held-out`:
/// the test split, else the validation rows, else the training rows. Of a file the run was not
/// trained on, `train` are all rows but those of a test set it has of its own. Throws
/// Error(Code::data) where there is no such split, and what open_for throws.
Selection select_rows(const Run& run, const std::string& file, const std::string& split = "auto");

}  // namespace elbo
