// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "elbo/core/error.h"

namespace elbo {

inline std::span<const std::byte> fuzz_bytes(const uint8_t* data, size_t size) {
  return {reinterpret_cast<const std::byte*>(data), size};
}

/// Runs a parser: it may throw Error, and nothing else.
template <class F>
void fuzz(F parse) {
  try {
    parse();
  } catch (const Error&) {
  }
}

/// A law that what was parsed must keep; the fuzzer reports a crash where it fails.
inline void require(bool law) {
  if (!law) std::abort();
}

}  // namespace elbo
