// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/io/array_layout.h"

namespace elbo {

/// What the elements of an .npy file are made of.
enum class NpyType { number, bytes_text, ucs4_text, padding };

/// One field of a record; a plain array has one without a name.
struct NpyField {
  std::string name;
  NpyType type = NpyType::number;
  DType dtype = DType::f32;  ///< of numbers
  bool big_endian = false;
  size_t size = 0;                  ///< bytes of one value
  std::vector<int64_t> shape = {};  ///< of the values in each record; {}: one
  int64_t count() const;            ///< values in each record
};

/// The header of an .npy file.
struct NpyHeader {
  std::vector<NpyField> fields;
  bool is_record = false;
  bool fortran_order = false;
  std::vector<int64_t> shape;
  uint64_t offset = 0;     ///< bytes before the elements
  uint64_t item_size = 0;  ///< bytes of one element
  uint64_t items() const;  ///< the product of the shape
};

/// Reads the header at the start of a file of `size` bytes, of which `head` holds the first
/// kMaxArrayHeader at least. Throws Error(Code::data) for anything damaged, for a size that is not
/// what the header says, and for Python objects, complex numbers, dates and other types, with the
/// way to save them otherwise. Source: NEP 1, numpy.lib.format.
NpyHeader parse_npy_header(std::span<const std::byte> head, uint64_t size, std::string_view where);

/// NumPy's code of a dtype, without byte order: "f4". Throws Error(Code::usage) for bf16.
const char* npy_type_code(DType dtype);

/// Whether the bytes start as an .npy file does.
bool is_npy(std::span<const std::byte> head);

inline constexpr std::string_view kNpyMagic = "\x93NUMPY";

}  // namespace elbo
