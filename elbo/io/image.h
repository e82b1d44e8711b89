// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "elbo/io/array.h"

namespace elbo {

/// What is made of a picture with alpha: its colours over a white or a black ground, or alpha
/// itself as a grey picture.
enum class Alpha { white, black, itself };
/// "white", "black", "itself".
const std::vector<std::string>& alpha_names();

/// How a picture is to come out.
struct PictureOptions {
  int64_t height = 0, width = 0;  ///< of the upright picture, brought there as resize_image does;
                                  ///< 0: as it is
  Alpha alpha = Alpha::white;
  int64_t max_pixels = 1 << 26;  ///< held at once; a picture that is resized row by row may have 64
                                 ///< times as many
};

/// A picture as it is to be looked at.
struct Picture {
  Array pixels;             ///< u8 or u16 [H, W, C], C = 1 (grey) or 3 (red, green, blue)
  bool was_turned = false;  ///< made upright by its EXIF orientation
  bool has_alpha = false;   ///< some of it is transparent
  bool was_cmyk = false;    ///< inks made red, green and blue, without a colour profile
};

/// Palettes and 1, 2 and 4 bits are expanded to 8 bits, 16 bits are kept; colour profiles and gamma
/// are left aside. Throws Error(Code::data) for anything damaged, cut short, or too large.
/// Source: ISO/IEC 15948 through libpng.
Picture parse_png(std::span<const std::byte> bytes, std::string_view where,
                  const PictureOptions& options = {});
/// The same for JPEG: grey, colour or inks (CMYK, YCCK), in one scan or many.
/// Source: ISO/IEC 10918 through libjpeg.
Picture parse_jpeg(std::span<const std::byte> bytes, std::string_view where,
                   const PictureOptions& options = {});
/// Throws Error(Code::usage) unless the image is u8 [H, W, 1] or [H, W, 3] with a pixel.
Bytes encode_png(const Array& image);
/// The same with a tEXt chunk before the pixels; keyword (1 to 79 letters) and text in Latin-1.
Bytes encode_png(const Array& image, std::string_view keyword, std::string_view text);

/// Whether the bytes start as a PNG or JPEG file does.
bool is_png(std::span<const std::byte> head);
bool is_jpeg(std::span<const std::byte> head);

/// Lays images u8 [N, H, W, C] or [N, H, W] out in rows of `columns`, `gap` pixels of `background`
/// between, each pixel shown `scale` times as wide and high. Returns [H', W', C].
/// Throws Error(Code::usage) for other shapes and numbers below 1 (gap: below 0).
Array image_grid(const Array& images, int64_t columns, int64_t gap = 1, int64_t scale = 1,
                 uint8_t background = 255);

/// The image u8 or u16 [H, W, C] brought to [height, width, C]: bilinear where it grows; where it
/// shrinks the triangle is widened by the same factor, so that every pixel counts.
Array resize_image(const Array& image, int64_t height, int64_t width);

/// The number of an EXIF orientation tag, 1 to 8, in what an APP1 or eXIf segment holds after
/// "Exif\0\0"; 1 (upright) where there is none that can be understood. Never throws.
/// Source: JEITA CP-3451, section 4.6.4; TIFF 6.0, section 2.
int exif_orientation(std::span<const std::byte> tiff);

/// The image [H, W, C] of any type, stored in that orientation, as it is to be looked at.
Array turn_upright(const Array& image, int orientation);

}  // namespace elbo
