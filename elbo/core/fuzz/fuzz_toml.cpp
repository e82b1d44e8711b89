// SPDX-License-Identifier: Apache-2.0
#include <cstdlib>

#include "elbo/core/value.h"

/// Any text is refused with Error(Code::usage) or read, and what was read writes and reads back.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace elbo;
  Value value;
  try {
    value = parse_toml({reinterpret_cast<const char*>(data), size}, "fuzz");
  } catch (const Error& error) {
    if (error.code() != Code::usage) std::abort();
    return 0;
  }
  std::string once = to_toml(value);
  if (to_toml(parse_toml(once, "written")) != once) std::abort();
  return 0;
}
