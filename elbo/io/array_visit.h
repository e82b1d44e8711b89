// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <bit>
#include <cstdint>

#include "elbo/io/array.h"

namespace elbo {

/// IEEE 754 half to single precision.
inline float half_to_float(uint16_t half) {
  uint32_t sign = uint32_t{half & 0x8000u} << 16, exponent = half >> 10 & 0x1F, part = half & 0x3FF;
  if (exponent == 0) {  // zero and subnormal: part * 2^-24
    float value = static_cast<float>(part) * 0x1p-24f;
    return sign ? -value : value;
  }
  uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | part << 13);
}

/// Calls f(span of T) with the array's elements.
template <class F>
auto visit_elements(const Array& a, F f) {
  switch (a.dtype) {
    case DType::boolean:
    case DType::u8:
      return f(a.as<uint8_t>());
    case DType::i8:
      return f(a.as<int8_t>());
    case DType::u16:
    case DType::f16:
    case DType::bf16:
      return f(a.as<uint16_t>());
    case DType::i16:
      return f(a.as<int16_t>());
    case DType::u32:
      return f(a.as<uint32_t>());
    case DType::i32:
      return f(a.as<int32_t>());
    case DType::u64:
      return f(a.as<uint64_t>());
    case DType::i64:
      return f(a.as<int64_t>());
    case DType::f32:
      return f(a.as<float>());
    case DType::f64:
      break;
  }
  return f(a.as<double>());
}

inline bool is_float(DType t) {
  return t == DType::f16 || t == DType::bf16 || t == DType::f32 || t == DType::f64;
}

}  // namespace elbo
