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

}  // namespace elbo::ELBO_ISA
