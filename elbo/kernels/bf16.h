// SPDX-License-Identifier: Apache-2.0
// Pairs of bf16 and their dot products, for sources compiled by elbo_isa_sources, see vec.h. What
// an instruction set lacks is done in f32 with the same factors.
#pragma once

#include "elbo/kernels/gemm_pack.h"

namespace elbo::ELBO_ISA {

/// In each lane two bf16, that of the lower index in the lower half.
typedef uint32_t Pairs __attribute__((vector_size(kLanes * sizeof(uint32_t))));

inline Pairs load_pairs(const uint32_t* p) {
  return reinterpret_cast<Pairs>(load(reinterpret_cast<const float*>(p)));
}
inline void store_pairs(uint32_t* p, Pairs x) {
  store(reinterpret_cast<float*>(p), reinterpret_cast<Vec>(x));
}

/// The nearest bf16, ties to even, of each lane of both.
#if defined(__AVX512BF16__)
inline Pairs pair_up(Vec lower, Vec higher) {
  const __m512i places = _mm512_set_epi32(
      0x1F000F, 0x1E000E, 0x1D000D, 0x1C000C, 0x1B000B, 0x1A000A, 0x190009, 0x180008, 0x170007,
      0x160006, 0x150005, 0x140004, 0x130003, 0x120002, 0x110001, 0x100000);
  auto halves = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(higher, lower));
  return reinterpret_cast<Pairs>(_mm512_permutexvar_epi16(places, halves));
}
#else
inline Pairs round_to_bf16(Vec x) {
  auto bits = reinterpret_cast<Pairs>(x);
  Pairs nearest = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16;
  return x == x ? nearest : Pairs{} + 0x7FC0;
}
inline Pairs pair_up(Vec lower, Vec higher) {
  return round_to_bf16(lower) | (round_to_bf16(higher) << 16);
}
#endif

template <int... kPlaces>
inline Vec every_second(Vec a, Vec b, int odd, std::integer_sequence<int, kPlaces...>) {
  return odd ? __builtin_shufflevector(a, b, (2 * kPlaces + 1)...)
             : __builtin_shufflevector(a, b, (2 * kPlaces)...);
}

/// Neighbours of 2 kLanes floats, the first of which are a.
inline Pairs pair_neighbours(Vec a, Vec b) {
#if defined(__AVX512BF16__)
  return reinterpret_cast<Pairs>(_mm512_cvtne2ps_pbh(b, a));
#else
  constexpr auto kPlaces = std::make_integer_sequence<int, kLanes>();
  return pair_up(every_second(a, b, 0, kPlaces), every_second(a, b, 1, kPlaces));
#endif
}

inline Vec lower_of(Pairs x) { return reinterpret_cast<Vec>(x << 16); }
inline Vec higher_of(Pairs x) { return reinterpret_cast<Vec>(x & 0xFFFF0000u); }

/// sum + the products of a's and b's pairs.
inline Vec add_dot(Pairs a, Pairs b, Vec sum) {
#if defined(__AVX512BF16__)
  return _mm512_dpbf16_ps(sum, reinterpret_cast<__m512bh>(a), reinterpret_cast<__m512bh>(b));
#else
  sum = multiply_add(higher_of(a), higher_of(b), sum);
  return multiply_add(lower_of(a), lower_of(b), sum);
#endif
}

#if defined(__AMX_BF16__) || defined(ELBO_TILES_IN_SOFTWARE)
#define ELBO_HAS_TILES 1

constexpr int64_t kTileRows = 16, kTilePairs = 16;  // a tile: 16 rows of 64 bytes
constexpr int kTiles = 8;

#if defined(ELBO_TILES_IN_SOFTWARE)

/// Tiles as AMX describes them, for tests on machines without (Intel, Instruction Set Extensions
/// Programming Reference, chapter 3).
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
    for (int64_t r = 0; r < kTileRows; ++r) {
      __builtin_memcpy(rows[kTile][r], static_cast<const char*>(from) + r * bytes, 64);
    }
  }
  template <int kTile>
  void write(void* to, int64_t bytes) {
    for (int64_t r = 0; r < kTileRows; ++r) {
      __builtin_memcpy(static_cast<char*>(to) + r * bytes, rows[kTile][r], 64);
    }
  }
  static float as_float(uint32_t bits) {
    float out;
    __builtin_memcpy(&out, &bits, sizeof out);
    return out;
  }
  /// C[i][j] += the dot products of pairs A[i][k] and B[k][j].
  template <int kC, int kA, int kB>
  void add_dots() {
    for (int64_t i = 0; i < kTileRows; ++i) {
      for (int64_t k = 0; k < kTilePairs; ++k) {
        for (int64_t j = 0; j < 16; ++j) {
          uint32_t a = rows[kA][i][k], b = rows[kB][k][j];
          float sum = as_float(rows[kC][i][j]) + as_float(a << 16) * as_float(b << 16);
          sum += as_float(a & 0xFFFF0000u) * as_float(b & 0xFFFF0000u);
          __builtin_memcpy(&rows[kC][i][j], &sum, sizeof sum);
        }
      }
    }
  }
};

#else

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
#endif

}  // namespace elbo::ELBO_ISA
