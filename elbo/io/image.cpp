// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/image.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace elbo {
namespace {

/// The input pixels that make up one output pixel, and their shares.
struct Window {
  size_t first;
  std::vector<float> weights;  ///< sum to 1
};

std::vector<Window> make_windows(int64_t from, int64_t to) {
  double scale = static_cast<double>(from) / static_cast<double>(to);
  double reach = std::max(scale, 1.0);
  std::vector<Window> out;
  for (int64_t i = 0; i < to; ++i) {
    double centre = (static_cast<double>(i) + 0.5) * scale;
    auto first = std::max<int64_t>(0, std::llround(std::floor(centre - reach)));
    auto last = std::min<int64_t>(from, std::llround(std::ceil(centre + reach)));
    Window window{static_cast<size_t>(first), {}};
    double sum = 0;
    for (int64_t k = first; k < last; ++k) {
      double weight = std::max(0.0, 1 - std::abs((static_cast<double>(k) + 0.5 - centre) / reach));
      window.weights.push_back(static_cast<float>(weight));
      sum += weight;
    }
    for (float& w : window.weights) w /= static_cast<float>(sum);
    out.push_back(std::move(window));
  }
  return out;
}

/// Filters the middle axis of [outer, from, inner] into [outer, to, inner].
std::vector<float> filter(const std::vector<float>& in, size_t outer, size_t from, size_t inner,
                          const std::vector<Window>& windows) {
  std::vector<float> out(outer * windows.size() * inner);
  for (size_t o = 0; o < outer; ++o) {
    for (size_t t = 0; t < windows.size(); ++t) {
      float* to = out.data() + (o * windows.size() + t) * inner;
      for (size_t k = 0; k < windows[t].weights.size(); ++k) {
        const float* row = in.data() + (o * from + windows[t].first + k) * inner;
        for (size_t i = 0; i < inner; ++i) to[i] += windows[t].weights[k] * row[i];
      }
    }
  }
  return out;
}

void check_grid(const Array& images, int64_t columns, int64_t gap, int64_t scale) {
  size_t dimensions = images.shape.size();
  bool valid =
      images.dtype == DType::u8 && !images.data.empty() &&
      (dimensions == 3 || (dimensions == 4 && (images.shape[3] == 1 || images.shape[3] == 3)));
  ELBO_CHECK(valid, Code::usage,
             "cannot lay out {} {} as a grid, expected u8 [N, H, W], [N, H, W, 1] or [N, H, W, 3]",
             dtype_name(images.dtype), shape_text(images.shape));
  ELBO_CHECK(columns >= 1 && gap >= 0 && scale >= 1, Code::usage,
             "image grid of {} columns, gap {}, scale {}: expected >= 1, >= 0, >= 1", columns, gap,
             scale);
}

}  // namespace

Array image_grid(const Array& images, int64_t columns, int64_t gap, int64_t scale,
                 uint8_t background) {
  check_grid(images, columns, gap, scale);
  int64_t n = images.shape[0], h = images.shape[1], w = images.shape[2];
  int64_t c = images.shape.size() == 4 ? images.shape[3] : 1;
  columns = std::min(columns, n);
  int64_t rows = (n + columns - 1) / columns;
  int64_t height = rows * h * scale + (rows - 1) * gap;
  int64_t width = columns * w * scale + (columns - 1) * gap;
  Array out = make_array(DType::u8, {height, width, c}, "image grid");
  std::memset(out.data.data(), background, out.data.size());
  const std::byte* from = images.data.data();
  for (int64_t i = 0; i < n; ++i) {
    int64_t top = i / columns * (h * scale + gap), left = i % columns * (w * scale + gap);
    for (int64_t y = 0; y < h * scale; ++y) {
      std::byte* to = out.data.data() + ((top + y) * width + left) * c;
      const std::byte* row = from + ((i * h + y / scale) * w) * c;
      for (int64_t x = 0; x < w * scale; ++x, to += c) std::copy_n(row + x / scale * c, c, to);
    }
  }
  return out;
}

Array resize_image(const Array& image, int64_t height, int64_t width) {
  ELBO_CHECK(image.shape.size() == 3 && !image.data.empty() && height > 0 && width > 0, Code::usage,
             "cannot resize {} to [{}, {}]", shape_text(image.shape), height, width);
  auto pixels = image.as<uint8_t>();
  auto h = static_cast<size_t>(image.shape[0]), w = static_cast<size_t>(image.shape[1]);
  auto c = static_cast<size_t>(image.shape[2]);
  std::vector<float> values(pixels.begin(), pixels.end());
  values = filter(values, h, w, c, make_windows(image.shape[1], width));
  values =
      filter(values, 1, h, static_cast<size_t>(width) * c, make_windows(image.shape[0], height));
  Array out = make_array(DType::u8, {height, width, image.shape[2]});
  auto to = out.as<uint8_t>();
  for (size_t i = 0; i < to.size(); ++i) {
    to[i] = static_cast<uint8_t>(std::clamp(std::lround(values[i]), 0l, 255l));
  }
  return out;
}

}  // namespace elbo
