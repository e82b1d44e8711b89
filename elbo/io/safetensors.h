// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "elbo/io/array.h"

namespace elbo {

/// Named arrays in the order in which they stand in the file, with the file's metadata.
struct TensorFile {
  std::vector<std::pair<std::string, Array>> tensors;
  std::map<std::string, std::string> metadata;
};

/// Reads the safetensors format strictly: header at most 16 MiB and 100,000 tensors, sizes checked
/// without overflow, tensors contiguous from the first byte to the last without holes or overlaps,
/// known dtypes (BOOL U8 I8 U16 I16 U32 I32 U64 I64 F16 BF16 F32 F64), at most 64 dimensions, no
/// duplicate names, keys other than dtype, shape and data_offsets refused. `code` is the code of
/// the Error it throws, whose message names the byte or the tensor.
/// Source: huggingface/safetensors, format description.
TensorFile parse_safetensors(std::span<const std::byte> bytes, std::string_view where,
                             Code code = Code::model);
/// The bytes of the file: tensors in the order given, header padded with spaces to 8 bytes.
/// Throws Error(Code::failure) for what parse_safetensors would refuse.
Bytes encode_safetensors(const TensorFile& file);

}  // namespace elbo
