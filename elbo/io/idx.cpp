// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/idx.h"

#include <algorithm>
#include <optional>

#include "elbo/io/cursor.h"

namespace elbo {
namespace {

constexpr struct {
  uint8_t code;
  DType dtype;
} kTypes[] = {{0x08, DType::u8},  {0x09, DType::i8},  {0x0B, DType::i16},
              {0x0C, DType::i32}, {0x0D, DType::f32}, {0x0E, DType::f64}};
constexpr size_t kMaxDimensions = 8;

std::optional<DType> type_of(uint64_t code) {
  for (auto& type : kTypes) {
    if (type.code == code) return type.dtype;
  }
  return std::nullopt;
}

}  // namespace

ArrayLayout idx_layout(std::span<const std::byte> head, uint64_t size, std::string_view where) {
  Cursor in(head, where);
  uint64_t zeros = in.big(2, "the IDX magic number");
  uint64_t code = in.big(1, "the IDX type"), dimensions = in.big(1, "the number of dimensions");
  auto dtype = type_of(code);
  ELBO_CHECK(zeros == 0 && dtype && dimensions >= 1 && dimensions <= kMaxDimensions, Code::data,
             "{}: not an IDX file: bytes 0-3 are {:04x} {:02x} {:02x}, expected 0000, a type (08, "
             "09, 0b, 0c, 0d, 0e) and 1 to 8 dimensions",
             where, zeros, code, dimensions);
  ArrayLayout out{*dtype, {}, 0, true, false};
  uint64_t length = dtype_size(*dtype);
  bool fits = true;
  for (uint64_t i = 0; i < dimensions; ++i) {
    uint64_t d = in.big(4, "the shape");
    fits = fits && !__builtin_mul_overflow(length, d, &length);
    out.shape.push_back(static_cast<int64_t>(d));
  }
  out.offset = in.at();
  ELBO_CHECK(fits && length == size - in.at(), Code::data,
             "{}: shape {} of {} needs {} bytes after byte {}, found {}\n"
             "The file is damaged or was not copied whole; get it again.",
             where, shape_text(out.shape), dtype_name(out.dtype),
             fits ? fmt::format("{}", length) : "too many", in.at(), size - in.at());
  return out;
}

void swap_bytes(std::span<std::byte> data, size_t element_size) {
  for (size_t i = 0; element_size > 1 && i + element_size <= data.size(); i += element_size) {
    std::reverse(data.begin() + static_cast<ptrdiff_t>(i),
                 data.begin() + static_cast<ptrdiff_t>(i + element_size));
  }
}

bool is_idx(std::span<const std::byte> head) {
  if (head.size() < 8) return false;
  auto at = [&](size_t i) { return std::to_integer<uint8_t>(head[i]); };
  return at(0) == 0 && at(1) == 0 && type_of(at(2)) && at(3) >= 1 && at(3) <= kMaxDimensions;
}

Array parse_idx(std::span<const std::byte> bytes, std::string_view where) {
  return parse_idx(Bytes(bytes.begin(), bytes.end()), where);
}

Array parse_idx(Bytes&& bytes, std::string_view where) {
  ArrayLayout header = idx_layout(bytes, bytes.size(), where);
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(header.offset));
  swap_bytes(bytes, dtype_size(header.dtype));
  return {header.dtype, std::move(header.shape), std::move(bytes)};
}

Bytes encode_idx(const Array& array) {
  auto type = std::find_if(std::begin(kTypes), std::end(kTypes),
                           [&](auto& t) { return t.dtype == array.dtype; });
  ELBO_CHECK(type != std::end(kTypes), Code::usage, "IDX has no type for {}; use npy",
             dtype_name(array.dtype));
  ELBO_CHECK(!array.shape.empty() && array.shape.size() <= kMaxDimensions, Code::usage,
             "IDX holds 1 to 8 dimensions, got {}", array.shape.size());
  Bytes out{std::byte{0}, std::byte{0}, std::byte{type->code},
            static_cast<std::byte>(array.shape.size())};
  for (int64_t d : array.shape) {
    ELBO_CHECK(d >= 0 && d <= int64_t{0xFFFFFFFF}, Code::usage, "IDX cannot hold shape {}",
               shape_text(array.shape));
    for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::byte>(d >> shift));
  }
  size_t header = out.size();
  out.insert(out.end(), array.data.begin(), array.data.end());
  swap_bytes(std::span(out).subspan(header), dtype_size(array.dtype));
  return out;
}

}  // namespace elbo
