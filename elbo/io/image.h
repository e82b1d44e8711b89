// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "elbo/io/array.h"

namespace elbo {

/// An image is an Array of u8, [H, W, C] with C = 1 (grey) or 3 (red, green, blue).
/// Throws Error(Code::data) for anything damaged, larger than max_pixels, or not 8 or 16 bits deep;
/// alpha is laid over white, palettes are expanded, 16 bits are reduced to 8.
Array parse_png(std::span<const std::byte> bytes, std::string_view where,
                int64_t max_pixels = 1 << 26);
Array parse_jpeg(std::span<const std::byte> bytes, std::string_view where,
                 int64_t max_pixels = 1 << 26);
Bytes encode_png(const Array& image);

/// Lays images u8 [N, H, W, C] out in rows of `columns`, `gap` pixels of `background` between,
/// each pixel shown `scale` times as wide and high. Returns [H', W', C].
Array image_grid(const Array& images, int64_t columns, int64_t gap = 1, int64_t scale = 1,
                 uint8_t background = 255);

}  // namespace elbo
