// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/picture_maker.h"

#include <algorithm>
#include <limits>

namespace elbo {
namespace {

/// Lays pixels of `colours` values and alpha over the ground, or takes alpha alone. Returns whether
/// any of them is transparent.
template <class T>
bool flatten(std::span<const T> in, size_t colours, Alpha alpha, std::span<T> out) {
  constexpr uint64_t kFull = std::numeric_limits<T>::max();
  const uint64_t ground = alpha == Alpha::white ? kFull : 0;
  bool transparent = false;
  for (size_t i = 0, o = 0; i < in.size(); i += colours + 1) {
    uint64_t a = in[i + colours];
    transparent = transparent || a < kFull;
    if (alpha == Alpha::itself) {
      out[o++] = static_cast<T>(a);
      continue;
    }
    for (size_t c = 0; c < colours; ++c) {
      out[o++] = static_cast<T>((in[i + c] * a + ground * (kFull - a) + kFull / 2) / kFull);
    }
  }
  return transparent;
}

template <class T>
std::span<const T> elements(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
}

template <class T>
std::span<T> elements(Bytes& bytes) {
  return {reinterpret_cast<T*>(bytes.data()), bytes.size() / sizeof(T)};
}

}  // namespace

PictureMaker::PictureMaker(DType dtype, int64_t height, int64_t width, int64_t channels,
                           int orientation, const PictureOptions& options)
    : dtype_(dtype), channels_(channels), orientation_(orientation), alpha_(options.alpha) {
  int64_t colours = channels >= 3 ? 3 : 1;
  if (channels % 2 == 0 && alpha_ == Alpha::itself) colours = 1;
  picture_.was_turned = orientation > 1;
  if (options.height == 0) {
    picture_.pixels = make_array(dtype, {height, width, colours});
    return;
  }
  bool sideways = orientation >= 5;
  resizer_.emplace(height, width, colours, sideways ? options.width : options.height,
                   sideways ? options.height : options.width);
}

Bytes PictureMaker::without_alpha(std::span<const std::byte> row) {
  auto colours = static_cast<size_t>(channels_ - 1);
  Bytes out(row.size() / (colours + 1) * (alpha_ == Alpha::itself ? 1 : colours));
  bool transparent =
      dtype_ == DType::u8
          ? flatten(elements<uint8_t>(row), colours, alpha_, elements<uint8_t>(out))
          : flatten(elements<uint16_t>(row), colours, alpha_, elements<uint16_t>(out));
  picture_.has_alpha = picture_.has_alpha || transparent;
  return out;
}

void PictureMaker::add(std::span<const std::byte> row) {
  Bytes flat;
  if (channels_ % 2 == 0) {
    flat = without_alpha(row);
    row = flat;
  }
  if (!resizer_) {
    std::copy(row.begin(), row.end(), picture_.pixels.data.begin() + static_cast<ptrdiff_t>(at_));
    at_ += row.size();
  } else if (dtype_ == DType::u8) {
    resizer_->add(elements<uint8_t>(row));
  } else {
    resizer_->add(elements<uint16_t>(row));
  }
}

Picture PictureMaker::finish() {
  if (resizer_) picture_.pixels = resizer_->finish(dtype_);
  picture_.pixels = turn_upright(picture_.pixels, orientation_);
  return std::move(picture_);
}

void check_picture_size(std::string_view where, uint64_t height, uint64_t width, bool by_rows,
                        const PictureOptions& options) {
  constexpr uint64_t kMoreByRows = 64;
  auto most = static_cast<uint64_t>(options.max_pixels);
  bool resized = options.height > 0;
  if (resized && by_rows) most *= kMoreByRows;
  ELBO_CHECK(height * width <= most, Code::data, "{}: {} x {} pixels, more than the {} allowed{}",
             where, width, height, most,
             resized ? "" : "\nTo read it smaller: --reader image-folder --reader.resize 64,64");
}

}  // namespace elbo
