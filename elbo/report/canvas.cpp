// SPDX-License-Identifier: Apache-2.0
#include "elbo/report/canvas.h"

#include <fmt/format.h>

#include <algorithm>

#include "elbo/core/error.h"
#include "elbo/report/markup.h"

namespace elbo {
namespace {

// Light colours stand as attributes so that any program draws them; browsers add the dark ones.
constexpr std::string_view kStyle =
    "<style>@media(prefers-color-scheme:dark){.elbo-chart .bg{fill:#1a1d23}"
    ".elbo-chart .ink{fill:#e4e7eb}.elbo-chart .mute{fill:#a0a8b3}"
    ".elbo-chart .grid{stroke:#2c323b}.elbo-chart .axis{stroke:#69727e}"
    ".elbo-chart .data{filter:brightness(1.25)}}</style>";

constexpr double kHuge = 1e300;

std::string text_at(double x, double y, std::string_view attributes, std::string_view text) {
  return fmt::format("<text x=\"{}\" y=\"{}\" {}>{}</text>", px(x), px(y), attributes,
                     escape_markup(text));
}

std::string line_at(double x1, double y1, double x2, double y2, std::string_view name,
                    std::string_view color) {
  return fmt::format("<path class=\"{}\" stroke=\"{}\" d=\"M{} {}L{} {}\"/>", name, color, px(x1),
                     px(y1), px(x2), px(y2));
}

/// Widens the axis with room to spare until one unit takes the same pixels on both.
void equalise(Axis& x, Axis& y) {
  double x_unit = (x.to - x.from) / (x.hi - x.lo), y_unit = (y.from - y.to) / (y.hi - y.lo);
  Axis& wide = x_unit > y_unit ? x : y;
  double factor = std::max(x_unit, y_unit) / std::min(x_unit, y_unit);
  Axis wider = make_axis(wide.lo, wide.hi, (factor - 1) / 2);
  wider.from = wide.from;
  wider.to = wide.to;
  wide = wider;
}

}  // namespace

bool drawable(double v, bool log) { return std::abs(v) < kHuge && (!log || v > 1 / kHuge); }

std::string px(double v) {
  std::string text = fmt::format("{:.1f}", v);
  if (text.ends_with(".0")) text.resize(text.size() - 2);
  return text == "-0" ? "0" : text;
}

void Extent::add(double v) {
  lo = std::min(lo, v);
  hi = std::max(hi, v);
}

Axis Extent::axis(double margin, bool log) const {
  return empty() ? make_axis(log ? 1 : 0, log ? 10 : 1, 0, log) : make_axis(lo, hi, margin, log);
}

Canvas::Canvas(const ChartOptions& options, const std::vector<std::string>& legend)
    : options_(options) {
  ELBO_CHECK(options.width >= 120 && options.height >= 100, Code::failure,
             "a chart of {} x {} pixels; expected at least 120 x 100", options.width,
             options.height);
  if (!options.title.empty()) add_title();
  if (legend.size() >= 2) add_legend(legend);
}

void Canvas::frame(Axis& x, Axis& y, double below) {
  size_t widest = 1;
  for (const std::string& label : y.labels) widest = std::max(widest, text_width(label));
  double left =
      12 + kLetterWidth * static_cast<double>(widest) + (options_.y_label.empty() ? 0 : 16);
  double bottom = options_.height - 6 - below - (options_.x_label.empty() ? 0 : 16);
  x.from = left;
  x.to = options_.width - 10;
  y.from = bottom;
  y.to = top_ + 6;
  if (options_.equal_axes) equalise(x, y);
  draw_y(x, y);
  draw_x(x, y);
}

void Canvas::begin_data() {
  body_ += "<g class=\"data\" stroke-linecap=\"round\" stroke-linejoin=\"round\">";
}

void Canvas::note_empty(const Axis& x, const Axis& y) {
  add(text_at((x.from + x.to) / 2, (y.from + y.to) / 2,
              "class=\"mute\" fill=\"#68707a\" text-anchor=\"middle\"", "no finite values"));
}

std::string Canvas::svg() const {
  return fmt::format(
      "<svg class=\"elbo-chart\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" "
      "width=\"{0}\" height=\"{1}\" role=\"img\" font-size=\"11\" "
      "font-family=\"system-ui,-apple-system,Segoe UI,Roboto,Helvetica,Arial,sans-serif\">"
      "{2}<rect class=\"bg\" fill=\"#fff\" width=\"{0}\" height=\"{1}\"/>{3}</svg>",
      options_.width, options_.height, kStyle, body_);
}

void Canvas::add_title() {
  auto letters = static_cast<size_t>((options_.width - 20) / 7.0);
  top_ += 12;
  add(text_at(4, top_, "class=\"ink\" fill=\"#1f2328\" font-size=\"13\" font-weight=\"600\"",
              cut_text(options_.title, letters)));
  top_ += 6;
}

/// Names in rows, each after a dot of its colour.
void Canvas::add_legend(const std::vector<std::string>& names) {
  double x = 4;
  top_ += 12;
  for (size_t i = 0; i < names.size(); ++i) {
    std::string name = cut_text(names[i], kLongestName);
    double width = 14 + kLetterWidth * static_cast<double>(text_width(name)) + 12;
    if (x + width - 12 > options_.width && x > 4) {
      x = 4;
      top_ += 15;
    }
    add(fmt::format("<circle class=\"data\" fill=\"{}\" cx=\"{}\" cy=\"{}\" r=\"4\"/>",
                    kChartColors[i % kChartColors.size()], px(x + 4), px(top_ - 4)));
    add(text_at(x + 14, top_, "class=\"mute\" fill=\"#4c545e\"", name));
    x += width;
  }
  top_ += 6;
}

void Canvas::draw_y(const Axis& x, const Axis& y) {
  for (size_t i = 0; i < y.ticks.size(); ++i) {
    double at = y.at(y.ticks[i]);
    add(line_at(x.from, at, x.to, at, "grid", "#e6e8eb"));
    add(text_at(x.from - 6, at + 4, "class=\"mute\" fill=\"#68707a\" text-anchor=\"end\"",
                y.labels[i]));
  }
  if (options_.y_label.empty()) return;
  double middle = (y.from + y.to) / 2;
  add(
      fmt::format("<text class=\"mute\" fill=\"#4c545e\" text-anchor=\"middle\" "
                  "transform=\"translate(12 {}) rotate(-90)\">{}</text>",
                  px(middle), escape_markup(options_.y_label)));
}

void Canvas::draw_x(const Axis& x, const Axis& y) {
  for (size_t i = 0; i < x.ticks.size(); ++i) {
    double at = x.at(x.ticks[i]);
    add(line_at(at, y.from, at, y.from + 4, "axis", "#a8b0b9"));
    add(text_at(at, y.from + 16, "class=\"mute\" fill=\"#68707a\" text-anchor=\"middle\"",
                x.labels[i]));
  }
  add(line_at(x.from, y.from, x.to, y.from, "axis", "#a8b0b9"));
  if (options_.x_label.empty()) return;
  add(text_at((x.from + x.to) / 2, options_.height - 7,
              "class=\"mute\" fill=\"#4c545e\" text-anchor=\"middle\"", options_.x_label));
}

}  // namespace elbo
