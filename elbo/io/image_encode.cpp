// SPDX-License-Identifier: Apache-2.0
#include <png.h>

#include <algorithm>
#include <cstring>

#include "elbo/io/image.h"

namespace elbo {
namespace {

void check_images(const Array& images, size_t rank, std::string_view expected) {
  ELBO_CHECK(images.dtype == DType::u8 && images.shape.size() == rank &&
                 (images.shape.back() == 1 || images.shape.back() == 3),
             Code::failure, "images are {} {}; expected u8 {} with C = 1 or 3",
             dtype_name(images.dtype), shape_text(images.shape), expected);
}

}  // namespace

Bytes encode_png(const Array& image) {
  check_images(image, 3, "[H, W, C]");
  constexpr int64_t kMaxSide = 1 << 20;
  int64_t height = image.shape[0], width = image.shape[1];
  ELBO_CHECK(height > 0 && width > 0 && height <= kMaxSide && width <= kMaxSide, Code::failure,
             "an image of {} cannot be written as PNG; sides are from 1 to {} pixels",
             shape_text(image.shape), kMaxSide);
  png_image png{};
  png.version = PNG_IMAGE_VERSION;
  png.width = static_cast<png_uint_32>(width);
  png.height = static_cast<png_uint_32>(height);
  png.format = image.shape[2] == 1 ? PNG_FORMAT_GRAY : PNG_FORMAT_RGB;
  png.flags = PNG_IMAGE_FLAG_FAST;
  Bytes out(PNG_IMAGE_PNG_SIZE_MAX(png));
  png_alloc_size_t size = out.size();
  bool done = png_image_write_to_memory(&png, out.data(), &size, 0, image.data.data(), 0, nullptr);
  ELBO_CHECK(done, Code::failure, "cannot write a PNG: {}", png.message);
  out.resize(size);
  return out;
}

Array image_grid(const Array& images, int64_t columns, int64_t gap, int64_t scale,
                 uint8_t background) {
  check_images(images, 4, "[N, H, W, C]");
  ELBO_CHECK(columns > 0 && gap >= 0 && scale > 0, Code::failure,
             "a grid of {} columns, gap {}, scale {}; expected > 0, >= 0, > 0", columns, gap,
             scale);
  int64_t n = images.shape[0], h = images.shape[1], w = images.shape[2], channels = images.shape[3];
  columns = std::max<int64_t>(1, std::min(columns, n));
  int64_t rows = std::max<int64_t>(1, (n + columns - 1) / columns);
  Array out = make_array(
      DType::u8,
      {rows * h * scale + (rows - 1) * gap, columns * w * scale + (columns - 1) * gap, channels},
      "image grid");
  std::fill(out.data.begin(), out.data.end(), std::byte{background});
  int64_t stride = out.shape[1] * channels;
  for (int64_t i = 0; i < n; ++i) {
    const std::byte* from = images.data.data() + i * h * w * channels;
    std::byte* corner = out.data.data() + i / columns * (h * scale + gap) * stride +
                        i % columns * (w * scale + gap) * channels;
    for (int64_t y = 0; y < h * scale; ++y) {
      for (int64_t x = 0; x < w * scale; ++x) {
        std::memcpy(corner + y * stride + x * channels,
                    from + (y / scale * w + x / scale) * channels, static_cast<size_t>(channels));
      }
    }
  }
  return out;
}

}  // namespace elbo
