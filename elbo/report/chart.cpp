// SPDX-License-Identifier: Apache-2.0
#include "elbo/report/chart.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "elbo/core/error.h"
#include "elbo/report/canvas.h"
#include "elbo/report/markup.h"

namespace elbo {
namespace {

std::string number(double v) { return fmt::format("{:.4g}", v); }

struct Point {
  double x, y;
};

std::vector<std::string> names_of(const std::vector<Series>& series) {
  std::vector<std::string> out;
  for (const Series& s : series) out.push_back(s.name);
  return out;
}

/// The drawable points of a series, in runs without a gap.
std::vector<std::vector<Point>> runs_of(const Series& series, bool log_y) {
  ELBO_CHECK(series.x.size() == series.y.size(), Code::failure,
             "series '{}' has {} x and {} y; expected as many of each", series.name,
             series.x.size(), series.y.size());
  std::vector<std::vector<Point>> out(1);
  for (size_t i = 0; i < series.x.size(); ++i) {
    if (drawable(series.x[i]) && drawable(series.y[i], log_y)) {
      out.back().push_back({series.x[i], series.y[i]});
    } else if (!out.back().empty()) {
      out.emplace_back();
    }
  }
  if (out.back().empty()) out.pop_back();
  return out;
}

using Runs = std::vector<std::vector<Point>>;

std::pair<Extent, Extent> extents_of(const std::vector<Runs>& all) {
  Extent x, y;
  for (const Runs& runs : all) {
    for (const auto& run : runs) {
      for (Point p : run) {
        x.add(p.x);
        y.add(p.y);
      }
    }
  }
  return {x, y};
}

/// Of neighbours that share a column of pixels, the first, lowest, highest and last: the line drawn
/// covers the same pixels as the whole run.
std::vector<Point> thin_out(const std::vector<Point>& pixels) {
  std::vector<Point> out;
  for (size_t begin = 0; begin < pixels.size();) {
    size_t end = begin, low = begin, high = begin;
    while (end < pixels.size() && std::floor(pixels[end].x) == std::floor(pixels[begin].x)) {
      if (pixels[end].y < pixels[low].y) low = end;
      if (pixels[end].y > pixels[high].y) high = end;
      ++end;
    }
    std::array<size_t, 4> keep = {begin, std::min(low, high), std::max(low, high), end - 1};
    for (size_t i = 0; i < keep.size(); ++i) {
      if (i == 0 || keep[i] != keep[i - 1]) out.push_back(pixels[keep[i]]);
    }
    begin = end;
  }
  return out;
}

/// Path data: a line through each run, and a dot for each run of one point.
std::string line_path(const Runs& runs, const Axis& x, const Axis& y) {
  std::string out;
  for (const auto& run : runs) {
    std::vector<Point> pixels;
    for (Point p : run) pixels.push_back({x.at(p.x), y.at(p.y)});
    pixels = thin_out(pixels);
    for (size_t i = 0; i < pixels.size(); ++i) {
      out += fmt::format("{}{} {}", i == 0 ? "M" : "L", px(pixels[i].x), px(pixels[i].y));
    }
    if (pixels.size() == 1) out += "h0";
  }
  return out;
}

/// Path data: a dot for every point.
std::string dot_path(const Runs& runs, const Axis& x, const Axis& y) {
  std::string out;
  for (const auto& run : runs) {
    for (Point p : run) out += fmt::format("M{} {}h0", px(x.at(p.x)), px(y.at(p.y)));
  }
  return out;
}

size_t count(const Runs& runs) {
  size_t out = 0;
  for (const auto& run : runs) out += run.size();
  return out;
}

/// Where every x is whole (an epoch, a count), so are the ticks.
void keep_whole_ticks(Axis& x, const std::vector<Runs>& all) {
  auto is_whole = [](double v) { return v == std::floor(v); };
  for (const Runs& runs : all) {
    for (const auto& run : runs) {
      if (!std::all_of(run.begin(), run.end(), [&](Point p) { return is_whole(p.x); })) return;
    }
  }
  std::erase_if(x.ticks, [&](double v) { return !is_whole(v); });
  x.labels = tick_labels(x.ticks);
}

std::string line_tooltip(const Series& series, const Runs& runs) {
  Point last = runs.back().back(), lowest = last;
  for (const auto& run : runs) {
    for (Point p : run) {
      if (p.y < lowest.y) lowest = p;
    }
  }
  return escape_markup(fmt::format("{}: {} at {}, lowest {} at {}", series.name, number(last.y),
                                   number(last.x), number(lowest.y), number(lowest.x)));
}

/// Where the bars of a chart stand, and how their names are written below.
struct BarLayout {
  double slot = 0;  ///< pixels from one bar to the next
  bool slanted = false;
  size_t stride = 1;  ///< every stride-th name is shown

  /// Long names slant where there are few enough bars to show each.
  BarLayout(const std::vector<std::string>& names, double width)
      : slot(width / static_cast<double>(std::max<size_t>(1, names.size()))) {
    for (const auto& name : names) widest_ = std::max(widest_, text_width(name));
    double flat = kLetterWidth * static_cast<double>(std::min(widest_, kLongestName)) + 5;
    slanted = widest_ > 3 && flat > slot && slot >= 13;
    if (!slanted && flat > slot) stride = static_cast<size_t>(std::ceil(flat / slot));
  }

  double height_below() const {
    auto letters = static_cast<double>(std::min(widest_, kLongestSlanted));
    return slanted ? 10 + 0.65 * kLetterWidth * letters : 18;
  }

  std::string name(const std::string& text, double x, double y) const {
    std::string place =
        slanted ? fmt::format("text-anchor=\"end\" transform=\"translate({} {}) rotate(-40)\"",
                              px(x + 4), px(y + 13))
                : fmt::format("text-anchor=\"middle\" x=\"{}\" y=\"{}\"", px(x), px(y + 15));
    return fmt::format("<text class=\"mute\" fill=\"#68707a\" {}>{}</text>", place,
                       escape_markup(cut_text(text, slanted ? kLongestSlanted : kLongestName)));
  }

 private:
  static constexpr size_t kLongestSlanted = 16;
  size_t widest_ = 0;
};

constexpr const char* kMutedColor = "#9aa3ad";

std::string bar(const std::string& name, double value, double left, double width, const Axis& y,
                bool muted) {
  double top = y.at(std::max(0.0, value)), bottom = y.at(std::min(0.0, value));
  return fmt::format(
      "<rect fill=\"{}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"><title>{}: {}</title></rect>",
      muted ? kMutedColor : kChartColors[0], px(left), px(top), px(width), px(bottom - top),
      escape_markup(name), number(value));
}

/// An axis that starts at 0, or ends there, or has it inside.
Axis bar_axis(const std::vector<double>& values) {
  Extent extent;
  for (double v : values) {
    if (drawable(v)) extent.add(v);
  }
  if (extent.empty()) return extent.axis(0);
  extent.add(0);
  if (extent.lo == extent.hi) return make_axis(0, 1, 0);
  double pad = 0.06 * (extent.hi - extent.lo);
  return make_axis(extent.lo < 0 ? extent.lo - pad : 0, extent.hi > 0 ? extent.hi + pad : 0, 0);
}

}  // namespace

std::string line_chart(const std::vector<Series>& series, const ChartOptions& options) {
  Canvas canvas(options, names_of(series));
  std::vector<Runs> all;
  for (const Series& s : series) all.push_back(runs_of(s, options.log_y));
  auto [x_extent, y_extent] = extents_of(all);
  Axis x = x_extent.axis(0.01), y = y_extent.axis(0.05, options.log_y);
  if (!x_extent.empty()) keep_whole_ticks(x, all);
  canvas.frame(x, y);
  if (x_extent.empty()) canvas.note_empty(x, y);
  canvas.begin_data();
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].empty()) continue;
    const char* color = kChartColors[i % kChartColors.size()];
    bool repeated = i >= kChartColors.size();
    canvas.add(fmt::format("<g fill=\"none\" stroke=\"{}\"><title>{}</title>", color,
                           line_tooltip(series[i], all[i])));
    canvas.add(fmt::format("<path stroke-width=\"1.8\"{} d=\"{}\"/>",
                           repeated ? " stroke-dasharray=\"4 4\"" : "", line_path(all[i], x, y)));
    if (count(all[i]) <= 12) {
      canvas.add(fmt::format("<path stroke-width=\"5\" d=\"{}\"/>", dot_path(all[i], x, y)));
    }
    canvas.add("</g>");
  }
  canvas.end_data();
  return canvas.svg();
}

std::string scatter_chart(const std::vector<Series>& series, const ChartOptions& options) {
  ELBO_CHECK(!options.log_y || !options.equal_axes, Code::failure,
             "a chart cannot have both a logarithmic axis and equal axes");
  Canvas canvas(options, names_of(series));
  std::vector<Runs> all;
  size_t points = 0;
  for (const Series& s : series) {
    all.push_back(runs_of(s, options.log_y));
    points += count(all.back());
  }
  auto [x_extent, y_extent] = extents_of(all);
  Axis x = x_extent.axis(0.04), y = y_extent.axis(0.04, options.log_y);
  canvas.frame(x, y);
  if (x_extent.empty()) canvas.note_empty(x, y);
  double size = points > 2000 ? 2.6 : points > 300 ? 3.6 : 5;
  canvas.begin_data();
  for (size_t i = 0; i < all.size(); ++i) {
    if (all[i].empty()) continue;
    bool repeated = i >= kChartColors.size();
    canvas.add(fmt::format(
        "<path stroke=\"{}\" stroke-width=\"{}\" stroke-opacity=\".75\"{} "
        "d=\"{}\"><title>{}</title></path>",
        kChartColors[i % kChartColors.size()], size, repeated ? " stroke-linecap=\"square\"" : "",
        dot_path(all[i], x, y), escape_markup(series[i].name)));
  }
  canvas.end_data();
  return canvas.svg();
}

std::string bar_chart(const std::vector<std::string>& names, const std::vector<double>& values,
                      const ChartOptions& options) {
  ELBO_CHECK(names.size() == values.size(), Code::failure,
             "{} names for {} bars; expected as many of each", names.size(), values.size());
  ELBO_CHECK(options.muted.empty() || options.muted.size() == values.size(), Code::failure,
             "{} marks for {} bars; expected as many of each", options.muted.size(), values.size());
  ELBO_CHECK(!options.log_y && !options.equal_axes, Code::failure,
             "a bar chart has neither a logarithmic axis nor equal axes");
  Canvas canvas(options, {});
  Axis x, y = bar_axis(values);
  canvas.frame(x, y, BarLayout(names, options.width - 60).height_below());
  if (std::none_of(values.begin(), values.end(), [](double v) { return drawable(v); })) {
    canvas.note_empty(x, y);
  }
  BarLayout layout(names, x.to - x.from);
  // Narrow bars overlap a little: where they only touched, seams would show.
  double gap = layout.slot > 4 ? 0.2 * layout.slot : -0.4;
  canvas.begin_data();
  for (size_t i = 0; i < values.size(); ++i) {
    double left = x.from + static_cast<double>(i) * layout.slot + gap / 2;
    bool muted = !options.muted.empty() && options.muted[i];
    if (drawable(values[i]))
      canvas.add(bar(names[i], values[i], left, layout.slot - gap, y, muted));
  }
  canvas.end_data();
  for (size_t i = 0; i < names.size(); i += layout.stride) {
    double middle = x.from + (static_cast<double>(i) + 0.5) * layout.slot;
    canvas.add(layout.name(names[i], middle, y.from));
  }
  return canvas.svg();
}

}  // namespace elbo
