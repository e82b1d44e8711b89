// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "elbo/io/npy_header.h"

namespace elbo {

/// NumPy's .npy format, versions 1 to 3: numeric dtypes and bool, both byte orders, C and Fortran
/// order (returned in C order), header at most 64 KiB.
/// Throws Error(Code::data) with the position, and what parse_npy_header throws; texts and records
/// are refused. Source: NEP 1, numpy.lib.format.
Array parse_npy(std::span<const std::byte> bytes, std::string_view where);
/// The same, taking the memory over: elements that need not be turned are moved, not copied.
Array parse_npy(Bytes&& bytes, std::string_view where);
/// What the start of a file of `size` bytes says; throws what parse_npy throws.
ArrayLayout npy_layout(std::span<const std::byte> head, uint64_t size, std::string_view where);

/// What an .npy file holds.
enum class NpyKind { numbers, texts, records };
NpyKind npy_kind(const NpyHeader& header);

/// An array [N], [N, 1] or [] of texts: dtype U as UTF-8, dtype S as its bytes.
std::vector<std::string> parse_npy_texts(std::span<const std::byte> bytes, std::string_view where);

/// An array [N] of records (a structured dtype) as a CSV text with a header: each field is a column
/// of its name, each value of a field that is an array itself one of "name[0,3]", each field of a
/// nested structure one of "outer.inner". No digit is lost.
std::string npy_records_as_csv(std::span<const std::byte> bytes, std::string_view where);

/// Records have at most this many values each.
inline constexpr uint64_t kMaxColumns = 1 << 20;

/// What stands before the elements in a file of such an array. Throws Error(Code::usage) for bf16,
/// which NumPy does not have.
std::string npy_header(DType dtype, std::span<const int64_t> shape);
/// Throws what npy_header throws.
Bytes encode_npy(const Array& array);

/// Texts in UTF-8 as an array [N] of dtype U. What is no UTF-8 becomes U+FFFD.
Bytes encode_npy_texts(std::span<const std::string> texts);

/// The entries of an .npz (zip) file in order, names without ".npy"; together at most max_bytes.
/// Texts are left out where `numbers_only` is set, and refused where it is not.
std::vector<std::pair<std::string, Array>> parse_npz(std::span<const std::byte> bytes,
                                                     std::string_view where,
                                                     uint64_t max_bytes = uint64_t{1} << 36,
                                                     bool numbers_only = false);
/// A zip of stored (uncompressed) entries that numpy.load reads; at most 4 GiB.
Bytes encode_npz(const std::vector<std::pair<std::string, Array>>& entries,
                 const std::vector<std::pair<std::string, std::vector<std::string>>>& texts = {});

}  // namespace elbo
