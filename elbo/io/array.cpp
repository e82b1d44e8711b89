// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/array.h"

namespace elbo {

size_t dtype_size(DType dtype) {
  switch (dtype) {
    case DType::boolean:
    case DType::u8:
    case DType::i8:
      return 1;
    case DType::u16:
    case DType::i16:
    case DType::f16:
    case DType::bf16:
      return 2;
    case DType::u32:
    case DType::i32:
    case DType::f32:
      return 4;
    case DType::u64:
    case DType::i64:
    case DType::f64:
      return 8;
  }
  return 0;
}

const char* dtype_name(DType dtype) {
  static constexpr const char* kNames[] = {"bool", "u8",  "i8",  "u16",  "i16", "u32", "i32",
                                           "u64",  "i64", "f16", "bf16", "f32", "f64"};
  return kNames[static_cast<size_t>(dtype)];
}

int64_t Array::size() const {
  int64_t out = 1;
  for (int64_t d : shape) out *= d;
  return out;
}

Array make_array(DType dtype, std::vector<int64_t> shape, std::string_view where,
                 uint64_t max_bytes) {
  uint64_t bytes = dtype_size(dtype);
  bool fits = true;
  for (int64_t d : shape) {
    fits = fits && d >= 0 && !__builtin_mul_overflow(bytes, static_cast<uint64_t>(d), &bytes);
  }
  ELBO_CHECK(fits && bytes <= max_bytes, Code::data, "{}: shape {} of {} is negative or too large",
             where, shape_text(shape), dtype_name(dtype));
  Array out{dtype, std::move(shape), {}};
  out.data.resize(bytes);
  return out;
}

std::string shape_text(std::span<const int64_t> shape) {
  return fmt::format("[{}]", fmt::join(shape, ", "));
}

}  // namespace elbo
