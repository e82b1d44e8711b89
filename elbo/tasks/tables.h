// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "elbo/report/text_table.h"
#include "elbo/tasks/figures.h"

namespace elbo {

struct TextTable {
  Row header;
  std::vector<Row> rows;
};

/// Tables of data: columns downwards, a few examples and their reconstructions across. Missing
/// cells are empty beside what the model fills in.
TextTable reconstruction_table(const Scene& scene);

/// Mean and standard deviation of each column in the data and in draws from the model.
TextTable moments_table(const Scene& scene);

/// The name of a column: "age", or "column 3" (from 1) without names.
std::string column_name(const Schema& schema, int64_t column);

/// What is known of one column, over its observed cells.
struct ColumnStatistics {
  std::string name;
  int64_t missing = 0, distinct = 0;  ///< distinct is counted up to 1,000
  double min = 0, mean = 0, sd = 0, max = 0;
  /// "constant", "another whole number in every row", "the same as 'a'".
  std::vector<std::string> flags;
  Value to_value() const;
};

/// One entry for each column of a table; for images one for each channel, named "grey" or "red",
/// "green", "blue". At most max_rows rows, evenly spaced, are looked at,
/// fewer of wide ones (rows_at_once).
std::vector<ColumnStatistics> column_statistics(const Dataset& data, int64_t max_rows = 100000);

/// How many rows of a data set are equal to one before them.
int64_t duplicated_rows(const Dataset& data);
/// How many rows of a data set are equal to one of another's.
int64_t shared_rows(const Dataset& data, const Dataset& other);

/// Examples of each class, in the order of Schema::labels.
std::vector<int64_t> label_counts(const Dataset& data);

}  // namespace elbo
