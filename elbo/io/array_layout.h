// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "elbo/io/array.h"

namespace elbo {

/// Where the elements of an array stand in its file.
struct ArrayLayout {
  DType dtype = DType::f32;
  std::vector<int64_t> shape;
  uint64_t offset = 0;  ///< bytes before the elements
  bool big_endian = false;
  bool fortran_order = false;  ///< the first index runs fastest
};

/// No array file has more bytes than this before its elements.
inline constexpr size_t kMaxArrayHeader = 66000;

}  // namespace elbo
