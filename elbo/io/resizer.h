// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "elbo/io/array.h"

namespace elbo {

/// What resize_image does, for rows that come one by one: memory holds the result and one row.
class Resizer {
 public:
  /// Rows of `from_width` pixels of `channels` values, `from_height` of them.
  Resizer(int64_t from_height, int64_t from_width, int64_t channels, int64_t height, int64_t width);
  void add(std::span<const uint8_t> row) { add_row(row); }
  void add(std::span<const uint16_t> row) { add_row(row); }
  /// [height, width, channels] of u8 or u16, rounded.
  Array finish(DType dtype) const;

 private:
  /// The input pixels that make up one output pixel, and their shares.
  struct Window {
    size_t first;
    std::vector<float> weights;  ///< sum to 1
  };
  static std::vector<Window> make_windows(int64_t from, int64_t to);
  template <class T>
  void add_row(std::span<const T> row);

  size_t channels_;
  std::vector<Window> across_, down_;
  size_t y_ = 0;             // of the next row
  size_t begin_ = 0;         // the first output row that a row to come is part of
  std::vector<float> row_;   // one row, brought to the output's width
  std::vector<float> sums_;  // the output so far
};

}  // namespace elbo
