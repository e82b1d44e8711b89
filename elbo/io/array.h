// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "elbo/core/files.h"

namespace elbo {

enum class DType { boolean, u8, i8, u16, i16, u32, i32, u64, i64, f16, bf16, f32, f64 };

size_t dtype_size(DType dtype);       ///< bytes per element
const char* dtype_name(DType dtype);  ///< "u8", "f32", ...

/// A dense array in C order and the machine's byte order.
struct Array {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  Bytes data;

  int64_t size() const;  ///< number of elements: the product of the shape; 1 for shape {}
  int64_t rows() const { return shape.empty() ? 0 : shape[0]; }
  bool empty() const { return data.empty(); }
  template <class T>
  std::span<T> as() {
    return {reinterpret_cast<T*>(data.data()), data.size() / sizeof(T)};
  }
  template <class T>
  std::span<const T> as() const {
    return {reinterpret_cast<const T*>(data.data()), data.size() / sizeof(T)};
  }
};

/// An array of zeros. Throws Error(Code::data) when the shape is negative or the size overflows or
/// exceeds max_bytes; `where` starts the message.
Array make_array(DType dtype, std::vector<int64_t> shape, std::string_view where = "array",
                 uint64_t max_bytes = uint64_t{1} << 36);
/// An array of these values, whose type T must be that of the dtype. Throws Error(Code::failure)
/// when T is of another size or the values are not as many as the shape says.
template <class T>
Array make_array(DType dtype, std::vector<int64_t> shape, const std::vector<T>& values) {
  Array out = make_array(dtype, std::move(shape));
  ELBO_CHECK(sizeof(T) == dtype_size(dtype) && values.size() == out.as<T>().size(), Code::failure,
             "make_array: {} values of {} bytes for {} elements of {}", values.size(), sizeof(T),
             out.size(), dtype_name(dtype));
  std::copy(values.begin(), values.end(), out.as<T>().begin());
  return out;
}
std::string shape_text(std::span<const int64_t> shape);  ///< "[60000, 28, 28]"

}  // namespace elbo
