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
  int width = 420, height = 280;  ///< pixels
  bool log_y = false;
  bool equal_axes = false;  ///< one unit is as long on both axes
};

/// Charts as SVG text: axes with round ticks, a legend when there are two series or more, colours
/// told apart by the colour-blind, <title> tooltips.
std::string line_chart(const std::vector<Series>& series, const ChartOptions& options);
std::string scatter_chart(const std::vector<Series>& series, const ChartOptions& options);
std::string bar_chart(const std::vector<std::string>& names, const std::vector<double>& values,
                      const ChartOptions& options);

}  // namespace elbo
