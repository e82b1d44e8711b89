// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/image.h"

#include <algorithm>
#include <cstring>

#include "elbo/io/cursor.h"

namespace elbo {
namespace {

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

const std::vector<std::string>& alpha_names() {
  static const std::vector<std::string> names = {"white", "black", "itself"};
  return names;
}

Array turn_upright(const Array& image, int orientation) {
  if (orientation <= 1 || orientation > 8) return image;
  int64_t h = image.shape[0], w = image.shape[1];
  bool sideways = orientation >= 5;
  Array out = make_array(image.dtype, {sideways ? w : h, sideways ? h : w, image.shape[2]});
  size_t pixel = static_cast<size_t>(image.shape[2]) * dtype_size(image.dtype);
  std::byte* to = out.data.data();
  for (int64_t y = 0; y < out.shape[0]; ++y) {
    for (int64_t x = 0; x < out.shape[1]; ++x, to += pixel) {
      int64_t row = sideways ? x : y, column = sideways ? y : x;
      bool from_below =
          orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
      bool from_right =
          orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
      if (from_below) row = h - 1 - row;
      if (from_right) column = w - 1 - column;
      std::memcpy(to, image.data.data() + static_cast<size_t>(row * w + column) * pixel, pixel);
    }
  }
  return out;
}

int exif_orientation(std::span<const std::byte> tiff) {
  auto text = as_text(tiff);
  bool little = text.starts_with(std::string_view("II*\0", 4));
  if (!little && !text.starts_with(std::string_view("MM\0*", 4))) return 1;
  try {
    auto number = [&](Cursor& in, size_t size) {
      return little ? in.little(size, "EXIF") : in.big(size, "EXIF");
    };
    Cursor head(tiff, "", 4);
    uint64_t at = number(head, 4);
    if (at >= tiff.size()) return 1;
    Cursor in(tiff, "", static_cast<size_t>(at));
    for (uint64_t left = number(in, 2); left > 0; --left) {
      uint64_t tag = number(in, 2), type = number(in, 2);
      in.take(4, "EXIF");
      auto value = in.take(4, "EXIF");
      if (tag != 0x0112) continue;
      Cursor field(value, "");
      uint64_t orientation = number(field, type == 3 ? 2 : 4);  // a SHORT, or a LONG
      return orientation >= 1 && orientation <= 8 ? static_cast<int>(orientation) : 1;
    }
  } catch (const Error&) {  // cut short
  }
  return 1;
}

}  // namespace elbo
