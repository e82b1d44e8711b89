// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "elbo/io/array.h"

namespace elbo {

/// An image is an Array of u8, [H, W, C] with C = 1 (grey) or 3 (red, green, blue).
/// Throws Error(Code::data) for anything damaged, cut short, or larger than max_pixels; alpha is
/// laid over white, palettes are expanded, 16 bits are reduced to 8, colour profiles and gamma are
/// left aside. Source: ISO/IEC 15948 through libpng.
Array parse_png(std::span<const std::byte> bytes, std::string_view where,
                int64_t max_pixels = 1 << 26);
/// The same for JPEG, grey or colour; CMYK is refused. Source: ISO/IEC 10918 through libjpeg.
Array parse_jpeg(std::span<const std::byte> bytes, std::string_view where,
                 int64_t max_pixels = 1 << 26);
/// Throws Error(Code::usage) unless the image is u8 [H, W, 1] or [H, W, 3] with a pixel.
Bytes encode_png(const Array& image);

/// Whether the bytes start as a PNG or JPEG file does.
bool is_png(std::span<const std::byte> head);
bool is_jpeg(std::span<const std::byte> head);

/// Lays images u8 [N, H, W, C] or [N, H, W] out in rows of `columns`, `gap` pixels of `background`
/// between, each pixel shown `scale` times as wide and high. Returns [H', W', C].
/// Throws Error(Code::usage) for other shapes and numbers below 1 (gap: below 0).
Array image_grid(const Array& images, int64_t columns, int64_t gap = 1, int64_t scale = 1,
                 uint8_t background = 255);

/// The image [H, W, C] brought to [height, width, C]: bilinear where it grows; where it shrinks the
/// triangle is widened by the same factor, so that every pixel counts.
Array resize_image(const Array& image, int64_t height, int64_t width);

}  // namespace elbo
