// SPDX-License-Identifier: Apache-2.0
#include "elbo/report/strips.h"

#include <algorithm>
#include <cmath>

#include "elbo/core/error.h"
#include "elbo/io/image.h"
#include "elbo/report/canvas.h"
#include "elbo/report/markup.h"

namespace elbo {
namespace {

constexpr double kGap = 3, kRoomAbove = 14, kHeadHeight = 18;

/// Where the pictures of all strips stand.
struct Layout {
  double label = 0;              ///< pixels kept for the labels
  double width = 0, height = 0;  ///< of one picture as shown
  size_t columns = 1;

  Layout(const std::vector<Strip>& strips, const StripOptions& options) {
    size_t letters = 0;
    for (const Strip& s : strips) {
      letters = std::max({letters, text_width(s.label), text_width(s.note)});
      columns = std::max(columns, static_cast<size_t>(s.images.rows()));
    }
    label =
        letters == 0 ? 0 : 14 + kLetterWidth * static_cast<double>(std::min(letters, kLongestName));
    double room = (options.width - label) / static_cast<double>(columns) - kGap;
    room = std::clamp(room, 1.0, static_cast<double>(options.largest));
    auto w = static_cast<double>(strips[0].images.shape[2]);
    auto h = static_cast<double>(strips[0].images.shape[1]);
    width = room >= w ? w * std::floor(room / w) : room;
    height = h * width / w;
  }
  double x(size_t column) const { return label + static_cast<double>(column) * (width + kGap); }
};

Array picture_of(const Array& images, int64_t i) {
  Array out = make_array(images.dtype, {images.shape.begin() + 1, images.shape.end()});
  std::copy_n(images.data.begin() + i * out.size(), out.size(), out.data.begin());
  return out;
}

std::string embedded(const Array& image, double x, double y, const Layout& layout) {
  return fmt::format(
      "<image style=\"image-rendering:pixelated\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" "
      "href=\"data:image/png;base64,{}\"/>",
      px(x), px(y), px(layout.width), px(layout.height), base64(encode_png(image)));
}

std::string label_at(double y, const std::string& text, bool is_note) {
  return fmt::format("<text class=\"{}\" fill=\"{}\" x=\"2\" y=\"{}\">{}</text>",
                     is_note ? "mute" : "ink", is_note ? "#68707a" : "#1f2328", px(y),
                     escape_markup(cut_text(text, kLongestName)));
}

}  // namespace

std::string picture_strips(const std::vector<Strip>& strips, const StripOptions& options) {
  ELBO_CHECK(!strips.empty(), Code::failure, "a picture of no strips");
  for (const Strip& s : strips) {
    ELBO_CHECK(s.images.shape.size() == 4 && s.images.rows() > 0, Code::failure,
               "strip '{}': expected pictures [N, H, W, C], got {}", s.label,
               shape_text(s.images.shape));
  }
  Layout layout(strips, options);
  double y = options.heads.empty() ? 2 : kHeadHeight;
  if (!options.title.empty()) y += 20;
  std::string body;
  for (size_t c = 0; c < options.heads.size(); ++c) {
    body += fmt::format(
        "<text class=\"mute\" fill=\"#68707a\" text-anchor=\"middle\" x=\"{}\" y=\"{}\">{}</text>",
        px(layout.x(c) + layout.width / 2), px(y - 6), escape_markup(options.heads[c]));
  }
  for (const Strip& s : strips) {
    if (s.apart) y += kRoomAbove;
    double middle = y + layout.height / 2 + (s.note.empty() ? 4 : -2);
    if (!s.label.empty()) body += label_at(middle, s.label, false);
    if (!s.note.empty()) body += label_at(middle + 14, s.note, true);
    for (int64_t i = 0; i < s.images.rows(); ++i) {
      body += embedded(picture_of(s.images, i), layout.x(static_cast<size_t>(i)), y, layout);
    }
    y += layout.height + kGap;
  }
  ChartOptions chart;
  chart.title = options.title;
  chart.width = std::max(120, static_cast<int>(std::ceil(layout.x(layout.columns) - kGap)));
  chart.height = std::max(100, static_cast<int>(y + 2));
  Canvas canvas(chart, {});
  canvas.add(body);
  return canvas.svg();
}

}  // namespace elbo
