// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

namespace elbo {

/// A named line or cloud of points. Non-finite points are left out, and break a line.
struct Series {
  std::string name;
  std::vector<double> x, y;
};

struct ChartOptions {
  std::string title{}, x_label{}, y_label{};
  int width = 492, height = 300;  ///< pixels; two of this width fill a row of a Page
  bool log_y = false;
  bool equal_axes = false;    ///< one unit is as long on both axes
  std::vector<bool> muted{};  ///< bars to draw in grey; empty: none
};

/// Charts as SVG text, for a Page or a file of their own: axes with round ticks, a legend when
/// there are two series or more, colours told apart by the colour-blind, tooltips, light and dark
/// by the reader's preference. Throw Error(Code::failure) where lengths differ, the chart is
/// smaller than 120 x 100, or an option does not apply. Where nothing is finite the chart says so.

/// Lines; of thousands of points those that change the picture are drawn.
std::string line_chart(const std::vector<Series>& series, const ChartOptions& options);
/// Clouds of points, one colour each. log_y and equal_axes exclude each other.
std::string scatter_chart(const std::vector<Series>& series, const ChartOptions& options);
/// Bars from 0, in the order given. Neither log_y nor equal_axes applies.
std::string bar_chart(const std::vector<std::string>& names, const std::vector<double>& values,
                      const ChartOptions& options);

}  // namespace elbo
