// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set.
#include "elbo/kernels/peak.h"
#include "elbo/kernels/tiles.h"

namespace elbo::ELBO_ISA {
namespace {

constexpr uint32_t kQuarters = 0x3E803E80;  // a pair of 0.25

/// n rounds of adding up 1/8, in all lanes of all chains; the sum of one lane of each.
#if defined(ELBO_HAS_TILES)

constexpr int kChains = 4;
constexpr double kOperations = 2.0 * kChains * kTileRows * 16 * 2 * kTilePairs;

float rounds(int64_t n) {
  Tiles tiles;
  alignas(64) uint32_t factors[kTileRows * kTilePairs];
  for (uint32_t& x : factors) x = kQuarters;
  tiles.zero<0>(), tiles.zero<1>(), tiles.zero<2>(), tiles.zero<3>();
  tiles.read<4>(factors, 64), tiles.read<5>(factors, 64);
  for (int64_t r = 0; r < n; ++r) {
    tiles.add_dots<0, 4, 5>(), tiles.add_dots<1, 4, 5>();
    tiles.add_dots<2, 4, 5>(), tiles.add_dots<3, 4, 5>();
  }
  float sums[kChains][kTileRows * 16];
  tiles.write<0>(sums[0], 64), tiles.write<1>(sums[1], 64);
  tiles.write<2>(sums[2], 64), tiles.write<3>(sums[3], 64);
  float total = 0;
  for (const auto& sum : sums) total += sum[0] / kTilePairs;
  return total;
}

#else

constexpr int kChains = 12;
constexpr double kOperations = 4.0 * kChains * kLanes;

float rounds(int64_t n) {
  Vec chain[kChains];
  volatile float zero = 0;  // read anew for each, or the compiler would keep one chain for all
  for (int i = 0; i < kChains; ++i) chain[i] = splat(zero);
  volatile uint32_t quarters = kQuarters;  // or it would multiply in advance
  Pairs factor = Pairs{} + quarters;
  for (int64_t r = 0; r < n; ++r) {
#pragma GCC unroll 12
    for (int i = 0; i < kChains; ++i) chain[i] = add_dot(factor, factor, chain[i]);
  }
  float total = 0;
  for (int i = 0; i < kChains; ++i) total += chain[i][0];
  return total;
}

#endif

}  // namespace

extern const PeakKernels kBf16Peak;
const PeakKernels kBf16Peak = {kOperations, rounds};

}  // namespace elbo::ELBO_ISA
