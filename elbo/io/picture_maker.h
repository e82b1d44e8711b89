// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string_view>

#include "elbo/io/image.h"
#include "elbo/io/resizer.h"

namespace elbo {

/// Makes a Picture of the rows of a file: lays alpha over its ground, resizes, turns upright.
class PictureMaker {
 public:
  /// The file's rows: `channels` u8 or u16 values a pixel, 1 or 3 colours and alpha where there are
  /// 2 or 4.
  PictureMaker(DType dtype, int64_t height, int64_t width, int64_t channels, int orientation,
               const PictureOptions& options);
  void add(std::span<const std::byte> row);
  Picture finish();

 private:
  Bytes without_alpha(std::span<const std::byte> row);

  DType dtype_;
  int64_t channels_;
  int orientation_;
  Alpha alpha_;
  Picture picture_;
  size_t at_ = 0;  // bytes of picture_.pixels so far, where nothing is resized
  std::optional<Resizer> resizer_;
};

/// Throws Error(Code::data) for more pixels than the options allow. `by_rows`: the decoder gives
/// rows without holding the whole.
void check_picture_size(std::string_view where, uint64_t height, uint64_t width, bool by_rows,
                        const PictureOptions& options);

}  // namespace elbo
