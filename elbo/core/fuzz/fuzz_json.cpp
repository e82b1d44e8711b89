// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "elbo/core/value.h"

/// Any text is refused with Error(Code::data) or read, and what was read writes and reads back.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace elbo;
  Value value;
  try {
    value = parse_json({reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const Error& error) {
    if (error.code() != Code::data) std::abort();
    return 0;
  }
  if (parse_json(to_json(value), "written") != value) std::abort();
  if (parse_json(to_json(value, 2), "written") != value) std::abort();
  return 0;
}
