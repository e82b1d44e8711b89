// SPDX-License-Identifier: Apache-2.0
// The fills behind Rng, compiled for each instruction set; all give the same bits.
#pragma once

#include <cstddef>
#include <cstdint>

#include "elbo/core/cpu.h"

namespace elbo {

constexpr uint32_t kPhiloxMultiply0 = 0xD2511F53, kPhiloxMultiply1 = 0xCD9E8D57;
constexpr uint32_t kPhiloxWeyl0 = 0x9E3779B9, kPhiloxWeyl1 = 0xBB67AE85;
constexpr int kPhiloxRounds = 10;

/// Fills draw 16 blocks of four words at once; word w of block b stands at 16 w + b.
constexpr size_t kFillLanes = 16;
constexpr size_t kFillGroup = 4 * kFillLanes;

/// Each writes `groups` whole groups, from the given block of (key, step) on.
struct RngFills {
  void (*bits)(uint64_t key, uint64_t step, uint64_t block, uint32_t* out, size_t groups);
  void (*uniform)(uint64_t key, uint64_t step, uint64_t block, float* out, size_t groups);
  void (*normal)(uint64_t key, uint64_t step, uint64_t block, float* out, size_t groups);
  /// x <- 1 where x < chance / 255, else 0, of n elements.
  void (*below)(const uint8_t* chances, float* x, size_t n);
};

const RngFills& rng_fills(Isa isa);

}  // namespace elbo
