// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "elbo/io/safetensors.h"

/// Any bytes are refused with Error(Code::model) or read, and what was read writes and reads back.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace elbo;
  TensorFile file;
  try {
    file = parse_safetensors(std::as_bytes(std::span(data, size)), "fuzz");
  } catch (const Error& error) {
    if (error.code() != Code::model) std::abort();
    return 0;
  }
  Bytes once = encode_safetensors(file);
  if (encode_safetensors(parse_safetensors(once, "written")) != once) std::abort();
  return 0;
}
