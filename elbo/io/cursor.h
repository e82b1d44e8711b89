// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "elbo/core/files.h"

namespace elbo {

/// Reads numbers from bytes and never past their end. Throws Error(Code::data) naming the source,
/// the byte and what was to be read there.
class Cursor {
 public:
  Cursor(std::span<const std::byte> bytes, std::string_view where, size_t at = 0)
      : bytes_(bytes), where_(where), at_(at) {}
  size_t at() const { return at_; }
  size_t left() const { return bytes_.size() - at_; }
  std::span<const std::byte> rest() const { return bytes_.subspan(at_); }

  std::span<const std::byte> take(uint64_t n, std::string_view what) {
    ELBO_CHECK(n <= left(), Code::data,
               "{}: truncated at byte {}: {} needs {} bytes, {} are left\n"
               "The file is damaged or was not copied whole; get it again.",
               where_, at_, what, n, left());
    auto out = bytes_.subspan(at_, static_cast<size_t>(n));
    at_ += out.size();
    return out;
  }
  uint64_t little(size_t size, std::string_view what) {
    uint64_t out = 0;
    auto bytes = take(size, what);
    for (size_t i = size; i-- > 0;) out = out << 8 | std::to_integer<uint64_t>(bytes[i]);
    return out;
  }
  uint64_t big(size_t size, std::string_view what) {
    uint64_t out = 0;
    for (std::byte b : take(size, what)) out = out << 8 | std::to_integer<uint64_t>(b);
    return out;
  }

 private:
  std::span<const std::byte> bytes_;
  std::string where_;
  size_t at_;
};

}  // namespace elbo
