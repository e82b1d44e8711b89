// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "elbo/io/array_layout.h"

namespace elbo {

/// The IDX format of MNIST: two zero bytes, a type, the number of dimensions (1 to 8), the sizes as
/// big-endian u32, then the elements, big-endian, in C order. Types: u8, i8, i16, i32, f32, f64.
/// Throws Error(Code::data) with the byte when the header is not that or the length differs.
/// Source: LeCun, Cortes & Burges, "The MNIST database", file formats.
Array parse_idx(std::span<const std::byte> bytes, std::string_view where);
/// The same, taking the memory over: the elements are moved, not copied.
Array parse_idx(Bytes&& bytes, std::string_view where);
/// What the start of a file of `size` bytes says; throws what parse_idx throws.
ArrayLayout idx_layout(std::span<const std::byte> head, uint64_t size, std::string_view where);
/// Throws Error(Code::usage) for a type that IDX does not have.
Bytes encode_idx(const Array& array);

/// Whether the bytes start as an IDX file does.
bool is_idx(std::span<const std::byte> head);

/// Reverses the bytes of every element.
void swap_bytes(std::span<std::byte> data, size_t element_size);

}  // namespace elbo
