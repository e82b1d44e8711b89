// SPDX-License-Identifier: Apache-2.0
// AMX's tiles, for sources compiled by elbo_isa_sources, see vec.h. ELBO_HAS_TILES says whether
// there are any.
#pragma once

#include "elbo/kernels/bf16.h"
#if defined(ELBO_TILES_IN_SOFTWARE)
#include "elbo/kernels/tile_counts.h"
#endif

#if defined(__AMX_BF16__) || defined(ELBO_TILES_IN_SOFTWARE)
#define ELBO_HAS_TILES 1
#endif

namespace elbo::ELBO_ISA {

#if defined(ELBO_HAS_TILES)

/// A tile: 16 rows of 64 bytes, which are 16 pairs of bf16 or 16 sums.
constexpr int64_t kTileRows = 16, kTilePairs = 16, kTileSums = 16, kTileBytes = 64;
constexpr int kTiles = 8;
constexpr int kSumTiles = 4;  ///< the first ones, which products keep sums in

#endif

#if defined(ELBO_TILES_IN_SOFTWARE)

extern TileCounts counts;

/// Tiles as AMX describes them, for tests on machines without (Intel 64 and IA-32 Architectures
/// Software Developer's Manual, volume 2, TDPBF16PS). Numbers below the normal ones, which AMX
/// takes for 0, are kept.
struct Tiles {
  uint32_t rows[kTiles][kTileRows][kTilePairs];
  template <int kTile>
  void zero() {
    for (auto& row : rows[kTile]) {
      for (uint32_t& x : row) x = 0;
    }
  }
  template <int kTile>
  void read(const void* from, int64_t bytes) {
    ++(kTile < kSumTiles ? counts.sum_loads : counts.factor_loads);
    for (int64_t r = 0; r < kTileRows; ++r) {
      __builtin_memcpy(rows[kTile][r], static_cast<const char*>(from) + r * bytes, kTileBytes);
    }
  }
  template <int kTile>
  void write(void* to, int64_t bytes) {
    ++counts.sum_stores;
    for (int64_t r = 0; r < kTileRows; ++r) {
      __builtin_memcpy(static_cast<char*>(to) + r * bytes, rows[kTile][r], kTileBytes);
    }
  }
  static float as_float(uint32_t bits) {
    float out;
    __builtin_memcpy(&out, &bits, sizeof out);
    return out;
  }
  /// C[i][j] += the dot products of pairs A[i][k] and B[k][j]: lower and higher halves are summed
  /// by themselves, and their sum is added to C.
  template <int kC, int kA, int kB>
  void add_dots() {
    ++counts.dots;
    for (int64_t i = 0; i < kTileRows; ++i) {
      float lower[kTileSums] = {}, higher[kTileSums] = {};
      for (int64_t k = 0; k < kTilePairs; ++k) {
        uint32_t a = rows[kA][i][k];
        for (int64_t j = 0; j < kTileSums; ++j) {
          uint32_t b = rows[kB][k][j];
          lower[j] += as_float(a << 16) * as_float(b << 16);
          higher[j] += as_float(a & 0xFFFF0000u) * as_float(b & 0xFFFF0000u);
        }
      }
      for (int64_t j = 0; j < kTileSums; ++j) {
        float sum = as_float(rows[kC][i][j]) + (lower[j] + higher[j]);
        __builtin_memcpy(&rows[kC][i][j], &sum, sizeof sum);
      }
    }
  }
};

#elif defined(ELBO_HAS_TILES)

/// The thread's tile registers, all of 16 rows of 64 bytes. Not by the compiler's intrinsics: GCC's
/// do not say that they read memory, and take no template's number for a register.
struct Tiles {
  Tiles() {
    struct alignas(64) {
      uint8_t palette = 1, start = 0, reserved[14] = {};
      uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } shapes;
    asm volatile("ldtilecfg %0" ::"m"(shapes) : "memory");
  }
  ~Tiles() { asm volatile("tilerelease"); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
  template <int kTile>
  void zero() {
    asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
  }
  template <int kTile>
  void read(const void* from, int64_t bytes) {
    asm volatile("tileloadd (%0,%1,1), %%tmm%c2" ::"r"(from), "r"(bytes), "i"(kTile) : "memory");
  }
  template <int kTile>
  void write(void* to, int64_t bytes) {
    asm volatile("tilestored %%tmm%c2, (%0,%1,1)" ::"r"(to), "r"(bytes), "i"(kTile) : "memory");
  }
  template <int kC, int kA, int kB>
  void add_dots() {
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kC), "i"(kA), "i"(kB));
  }
};

#endif

}  // namespace elbo::ELBO_ISA
