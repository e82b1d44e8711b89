// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cmath>
#include <string>
#include <string_view>
#include <vector>

#include "elbo/report/axis.h"
#include "elbo/report/chart.h"

namespace elbo {

/// Okabe & Ito 2008 without black and yellow, each of which vanishes on one of the two backgrounds,
/// and four more for data of ten classes.
inline constexpr std::array<const char*, 10> kChartColors = {
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00",
    "#56b4e9", "#7f7f7f", "#7557c4", "#8c5a2b", "#a3a500"};

inline constexpr double kLetterWidth = 6.1;  ///< pixels a letter of the charts' font takes
inline constexpr size_t kLongestName = 28;   ///< letters of a series or bar that are shown

/// Whether a number can be drawn: finite, on a logarithmic axis positive, and not so large that
/// differences overflow.
bool drawable(double v, bool log = false);
/// A pixel coordinate with at most one decimal.
std::string px(double v);

/// The extent of numbers.
struct Extent {
  double lo = INFINITY, hi = -INFINITY;
  void add(double v);
  bool empty() const { return lo > hi; }
  /// make_axis of the extent; of [0, 1] or [1, 10] when it is empty.
  Axis axis(double margin, bool log = false) const;
};

/// A chart being drawn: title and legend above, axes around, data in the middle.
class Canvas {
 public:
  /// The options must outlive the canvas. A legend of fewer than two names is left out.
  Canvas(const ChartOptions& options, const std::vector<std::string>& legend);

  /// Gives the axes their pixels and draws grid, ticks and labels. `below` is the height kept for
  /// the labels of x; an axis without ticks draws none. Before everything but the constructor.
  void frame(Axis& x, Axis& y, double below = 18);
  void add(std::string_view markup) { body_ += markup; }
  void begin_data();
  void end_data() { body_ += "</g>"; }
  /// Says in the middle that there is nothing to draw.
  void note_empty(const Axis& x, const Axis& y);
  std::string svg() const;

 private:
  void add_title();
  void add_legend(const std::vector<std::string>& names);
  void draw_y(const Axis& x, const Axis& y);
  void draw_x(const Axis& x, const Axis& y);

  const ChartOptions& options_;
  std::string body_;
  double top_ = 4;  ///< pixels used up above the axes
};

}  // namespace elbo
