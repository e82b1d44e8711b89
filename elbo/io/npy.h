// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "elbo/io/array.h"

namespace elbo {

/// NumPy's .npy format, versions 1 to 3: numeric dtypes and bool, both byte orders, C and Fortran
/// order (returned in C order). Object arrays, structured dtypes and strings are refused.
/// Throws Error(Code::data) with the position. Source: NEP 1, numpy.lib.format.
Array parse_npy(std::span<const std::byte> bytes, std::string_view where);
Bytes encode_npy(const Array& array);

/// The entries of an .npz (zip) file in order, names without ".npy".
std::vector<std::pair<std::string, Array>> parse_npz(std::span<const std::byte> bytes,
                                                     std::string_view where);
/// A zip of stored (uncompressed) entries that numpy.load reads.
Bytes encode_npz(const std::vector<std::pair<std::string, Array>>& entries);

}  // namespace elbo
