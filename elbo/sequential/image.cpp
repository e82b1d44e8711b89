// SPDX-License-Identifier: Apache-2.0
#include "elbo/sequential/image.h"

#include <algorithm>

namespace elbo::sequential {

ImageStage::ImageStage(Signal& in, Signal& out, const ImageLayout& layout)
    : in_(in), out_(out), layout_(layout) {
  for (int64_t y = 0; y < layout_.height; ++y) {
    for (int64_t x = 0; x < layout_.width; ++x) {
      pixels_.push_back(static_cast<int32_t>(layout_.at(y, x)));
    }
  }
}

void ImageStage::to_layout(const Work& w, const float* planes, float* images) {
  const ImageLayout& l = layout_;
  int64_t plane = l.height * l.width;
  w.team.each(w.rows, [&](int, int64_t r) {
    const float* from = planes + r * plane * l.channels;
    float* to = images + r * l.size();
    if (l.channels > 1) {
      gemms_.transpose({from, plane}, l.channels, plane, {to, 0, pixels_.data()});
      return;
    }
    for (int64_t y = 0; y < l.height; ++y)
      std::copy_n(from + y * l.width, l.width, to + l.at(y, 0));
  });
}

void ImageStage::to_planes(const Work& w, const float* images, float* planes) {
  const ImageLayout& l = layout_;
  int64_t plane = l.height * l.width;
  w.team.each(w.rows, [&](int, int64_t r) {
    const float* from = images + r * l.size();
    float* to = planes + r * plane * l.channels;
    if (l.channels > 1) {
      gemms_.transpose({from, 0, pixels_.data()}, plane, l.channels, {to, plane});
      return;
    }
    for (int64_t y = 0; y < l.height; ++y)
      std::copy_n(from + l.at(y, 0), l.width, to + y * l.width);
  });
}

void ToImage::forward(const Work& w) { to_layout(w, in_.value, out_.activated); }

void ToImage::backward(const Work& w) {
  if (!in_.has_gradient) return;
  to_planes(w, out_.gradient, in_.gradient);
  w.team.each(w.rows, [&](int, int64_t r) { in_.finish_gradient(r * in_.width, in_.width); });
}

void FromImage::forward(const Work& w) { to_planes(w, in_.value, out_.activated); }

void FromImage::backward(const Work& w) {
  const ImageLayout& l = layout_;
  to_layout(w, out_.gradient, in_.gradient);
  w.team.each(w.rows, [&](int, int64_t r) {
    for (int64_t y = 0; y < l.height; ++y) {
      in_.finish_gradient(r * l.size() + l.at(y, 0), l.width * l.channels);
    }
  });
}

}  // namespace elbo::sequential
