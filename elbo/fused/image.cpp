// SPDX-License-Identifier: Apache-2.0
#include "elbo/fused/image.h"

#include <algorithm>

namespace elbo::fused {

void ImageStage::to_layout(const Work& w, const ImageLayout& l, const float* planes,
                           float* images) {
  int64_t plane = l.height * l.width;
  w.team.each(w.rows, [&](int, int64_t r) {
    const float* from = planes + r * plane * l.channels;
    for (int64_t y = 0; y < l.height; ++y, from += l.width) {
      float* to = images + r * l.size() + l.at(y, 0);
      if (l.channels == 1) {
        std::copy_n(from, l.width, to);
      } else {
        gemms_.transpose(from, plane, l.channels, l.width, to, l.channels);
      }
    }
  });
}

void ImageStage::to_planes(const Work& w, const ImageLayout& l, const float* images,
                           float* planes) {
  int64_t plane = l.height * l.width;
  w.team.each(w.rows, [&](int, int64_t r) {
    float* to = planes + r * plane * l.channels;
    for (int64_t y = 0; y < l.height; ++y, to += l.width) {
      const float* from = images + r * l.size() + l.at(y, 0);
      if (l.channels == 1) {
        std::copy_n(from, l.width, to);
      } else {
        gemms_.transpose(from, l.channels, l.width, l.channels, to, plane);
      }
    }
  });
}

void ToImage::forward(const Work& w) {
  to_layout(w, *out_.image, in_.value, out_.activated.data());
}

void ToImage::backward(const Work& w) {
  if (!in_.has_gradient) return;
  to_planes(w, *out_.image, out_.gradient.data(), in_.gradient.data());
  w.team.each(w.rows, [&](int, int64_t r) { in_.finish_gradient(r * in_.width, in_.width); });
}

void FromImage::forward(const Work& w) {
  to_planes(w, *in_.image, in_.value, out_.activated.data());
}

void FromImage::backward(const Work& w) {
  const ImageLayout& l = *in_.image;
  to_layout(w, l, out_.gradient.data(), in_.gradient.data());
  w.team.each(w.rows, [&](int, int64_t r) {
    for (int64_t y = 0; y < l.height; ++y) {
      in_.finish_gradient(r * l.size() + l.at(y, 0), l.width * l.channels);
    }
  });
}

}  // namespace elbo::fused
