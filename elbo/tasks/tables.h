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

/// Tables of data: columns downwards, a few examples and their reconstructions across, by their
/// rows in the source (from 1) and ids. Missing cells are empty beside what the model fills in.
TextTable reconstruction_table(const Scene& scene);

/// Rows of a table and as many draws from the model, z from the prior and x from p(x|z), in the
/// data's own units.
struct DataAndDraws {
  Tensor data, mask, drawn;  ///< [N, D], [N, D] or undefined, [M, D]; data and drawn f64
  std::vector<double> data_column(int64_t column) const;  ///< what is observed
  std::vector<double> drawn_column(int64_t column) const;
};
/// At most 2,000 rows, evenly spaced.
DataAndDraws data_and_draws(const Scene& scene);

/// Mean and standard deviation of each column in the data and in draws from the model.
TextTable moments_table(const Schema& schema, const DataAndDraws& both);

/// Pearson's correlation of each two columns of x [N, D] over the rows in which both are observed;
/// mask [N, D] or undefined. [D, D] f64; NaN where one of them does not vary.
Tensor correlations(const Tensor& x, const Tensor& mask);

/// Shares of two sets of values in the same bins.
struct Histogram {
  std::vector<double> edges;        ///< [bins + 1]
  std::vector<double> data, model;  ///< [bins], each sums to 1 (to 0 without values)
};
/// Up to 20 distinct values of the data have a bin each; more share 20 bins of equal width over all
/// but half a per cent of the data at each end. The outermost bins take what lies beyond.
Histogram histogram_of(std::vector<double> data, const std::vector<double>& model);

/// Marginals of the first twelve columns: data and draws in the same bins.
std::vector<Figure> marginal_figures(const Schema& schema, const DataAndDraws& both);
/// The correlation of each two of the first 60 columns in the data and in draws; none of one
/// column.
std::vector<Figure> correlation_figures(const Schema& schema, const DataAndDraws& both);

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
