// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace elbo {

/// What products on tiles in software did, by which the costs of AMX's kernel are known on machines
/// without. A tile is 1 KiB.
struct TileCounts {
  int64_t factor_loads, sum_loads, sum_stores, dots;  ///< of tiles
  int64_t a_bytes, b_bytes;                           ///< packed of op(A) and of op(B)
};

}  // namespace elbo
