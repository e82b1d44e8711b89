// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/resizer.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "elbo/io/image.h"

namespace elbo {

std::vector<Resizer::Window> Resizer::make_windows(int64_t from, int64_t to) {
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

Resizer::Resizer(int64_t from_height, int64_t from_width, int64_t channels, int64_t height,
                 int64_t width)
    : channels_(static_cast<size_t>(channels)),
      across_(make_windows(from_width, width)),
      down_(make_windows(from_height, height)),
      row_(across_.size() * channels_),
      sums_(down_.size() * row_.size()) {}

template <class T>
void Resizer::add_row(std::span<const T> row) {
  std::fill(row_.begin(), row_.end(), 0.0f);
  for (size_t x = 0; x < across_.size(); ++x) {
    const Window& window = across_[x];
    for (size_t k = 0; k < window.weights.size(); ++k) {
      const T* from = row.data() + (window.first + k) * channels_;
      for (size_t c = 0; c < channels_; ++c) {
        row_[x * channels_ + c] += window.weights[k] * static_cast<float>(from[c]);
      }
    }
  }
  for (size_t y = begin_; y < down_.size() && down_[y].first <= y_; ++y) {
    const Window& window = down_[y];
    size_t k = y_ - window.first;
    if (k >= window.weights.size()) {
      if (y == begin_) ++begin_;
      continue;
    }
    float* sum = sums_.data() + y * row_.size();
    for (size_t i = 0; i < row_.size(); ++i) sum[i] += window.weights[k] * row_[i];
  }
  ++y_;
}

template void Resizer::add_row(std::span<const uint8_t> row);
template void Resizer::add_row(std::span<const uint16_t> row);

namespace {

template <class T>
void round_into(std::span<const float> sums, std::span<T> out) {
  for (size_t i = 0; i < out.size(); ++i) {
    out[i] =
        static_cast<T>(std::clamp<long>(std::lround(sums[i]), 0, std::numeric_limits<T>::max()));
  }
}

}  // namespace

Array Resizer::finish(DType dtype) const {
  Array out =
      make_array(dtype, {static_cast<int64_t>(down_.size()), static_cast<int64_t>(across_.size()),
                         static_cast<int64_t>(channels_)});
  if (dtype == DType::u8) round_into(std::span(sums_), out.as<uint8_t>());
  if (dtype == DType::u16) round_into(std::span(sums_), out.as<uint16_t>());
  return out;
}

Array resize_image(const Array& image, int64_t height, int64_t width) {
  bool known = image.dtype == DType::u8 || image.dtype == DType::u16;
  ELBO_CHECK(known && image.shape.size() == 3 && !image.data.empty() && height > 0 && width > 0,
             Code::usage, "cannot resize {} {} to [{}, {}]", dtype_name(image.dtype),
             shape_text(image.shape), height, width);
  Resizer resizer(image.shape[0], image.shape[1], image.shape[2], height, width);
  auto values = static_cast<size_t>(image.shape[1] * image.shape[2]);
  for (size_t y = 0; y < static_cast<size_t>(image.shape[0]); ++y) {
    if (image.dtype == DType::u8) resizer.add(image.as<uint8_t>().subspan(y * values, values));
    if (image.dtype == DType::u16) resizer.add(image.as<uint16_t>().subspan(y * values, values));
  }
  return resizer.finish(image.dtype);
}

}  // namespace elbo
