// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace elbo {

/// Bytes of memory that this process may still take before others suffer: what the system calls
/// available, or what its control group leaves, whichever is less. UINT64_MAX where neither is
/// known.
uint64_t memory_left();

}  // namespace elbo
