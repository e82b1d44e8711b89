// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <string>
#include <utility>

#include "elbo/io/array.h"

namespace elbo {

/// Pictures [H, W, C] of one size laid on each other: grey and of 8 bits until the first comes that
/// is coloured or has 16. What has 8 bits is then spread over 16, 255 onto 65,535.
class PictureStack {
 public:
  void add(const std::string& name, const Array& image);
  int64_t size() const { return count_; }
  bool is_coloured() const { return channels_ == 3; }
  bool has_16_bits() const { return dtype_ == DType::u16; }
  int64_t spread() const { return spread_; }  ///< pictures of 8 bits among those of 16
  /// Makes all as wide as the other stack's.
  void widen_as(const PictureStack& other);
  /// u8 or f32, [N, H, W] or [N, H, W, 3]. Throws Error(Code::data) where sizes differ.
  Array take(const std::string& where);

 private:
  void widen(DType dtype, int64_t channels);
  void check_one_size(const std::string& where) const;

  struct Seen {
    int64_t count = 0;
    std::string first;
  };
  std::map<std::pair<int64_t, int64_t>, Seen> sizes_;  // by height and width
  DType dtype_ = DType::u8;
  int64_t channels_ = 1, count_ = 0, bytes_count_ = 0, spread_ = 0, height_ = 0, width_ = 0;
  Bytes pixels_;
};

}  // namespace elbo
