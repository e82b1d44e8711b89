// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set (ELBO_ISA names it), without contraction to fused
// multiply-adds, so that all give the same bits.
#include "elbo/core/rng_fill.h"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <cstring>

namespace elbo::ELBO_ISA {
namespace {

// Every 32-bit word of the generator stands in the low half of a 64-bit lane. What is left in the
// high half is never looked at, so the low word of a product needs no mask.
#if defined(__AVX512F__)
using Lanes = __m512i;
inline Lanes all(uint64_t x) { return _mm512_set1_epi64(static_cast<int64_t>(x)); }
inline Lanes product(Lanes a, Lanes b) { return _mm512_mul_epu32(a, b); }
inline Lanes high(Lanes a) { return _mm512_srli_epi64(a, 32); }
inline Lanes exclusive_or(Lanes a, Lanes b, Lanes c) {
  return _mm512_ternarylogic_epi64(a, b, c, 0x96);
}
inline Lanes plus(Lanes a, Lanes b) { return _mm512_add_epi64(a, b); }
inline Lanes load(const uint64_t* p) { return _mm512_loadu_si512(p); }
inline void store(uint32_t* p, Lanes even, Lanes odd) {
  _mm512_storeu_si512(p, _mm512_mask_blend_epi32(0xAAAA, even, _mm512_slli_epi64(odd, 32)));
}
#elif defined(__AVX2__)
using Lanes = __m256i;
inline Lanes all(uint64_t x) { return _mm256_set1_epi64x(static_cast<int64_t>(x)); }
inline Lanes product(Lanes a, Lanes b) { return _mm256_mul_epu32(a, b); }
inline Lanes high(Lanes a) { return _mm256_srli_epi64(a, 32); }
inline Lanes exclusive_or(Lanes a, Lanes b, Lanes c) {
  return _mm256_xor_si256(_mm256_xor_si256(a, b), c);
}
inline Lanes plus(Lanes a, Lanes b) { return _mm256_add_epi64(a, b); }
inline Lanes load(const uint64_t* p) {
  return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
}
inline void store(uint32_t* p, Lanes even, Lanes odd) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p),
                      _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA));
}
#else
using Lanes = uint64_t;
inline Lanes all(uint64_t x) { return x; }
inline Lanes product(Lanes a, Lanes b) { return (a & 0xFFFFFFFF) * (b & 0xFFFFFFFF); }
inline Lanes high(Lanes a) { return a >> 32; }
inline Lanes exclusive_or(Lanes a, Lanes b, Lanes c) { return a ^ b ^ c; }
inline Lanes plus(Lanes a, Lanes b) { return a + b; }
inline Lanes load(const uint64_t* p) { return *p; }
inline void store(uint32_t* p, Lanes even, Lanes odd) {
  p[0] = static_cast<uint32_t>(even);
  p[1] = static_cast<uint32_t>(odd);
}
#endif

/// Sixteen blocks. The even blocks of a register's worth stand in one register, the odd ones in
/// another, so that no lane ever has to change place.
inline void group_bits(uint64_t key, uint64_t step, uint64_t block, uint32_t* out) {
  constexpr size_t kEach = sizeof(Lanes) / sizeof(uint64_t), kParts = kFillLanes / kEach;
  constexpr uint64_t kOffsets[] = {0, 2, 4, 6, 8, 10, 12, 14};
  const Lanes m0 = all(kPhiloxMultiply0), m1 = all(kPhiloxMultiply1);
  Lanes c0[kParts], c1[kParts], c2[kParts], c3[kParts];
  for (size_t i = 0; i < kParts; ++i) {  // part 2 j holds the even, 2 j + 1 the odd blocks
    c0[i] = plus(all(block + (i / 2) * 2 * kEach + i % 2), load(kOffsets));
    c1[i] = high(c0[i]);
    c2[i] = all(step);
    c3[i] = all(step >> 32);
  }
  auto k0 = static_cast<uint32_t>(key), k1 = static_cast<uint32_t>(key >> 32);
  for (int round = 0; round < kPhiloxRounds; ++round, k0 += kPhiloxWeyl0, k1 += kPhiloxWeyl1) {
    const Lanes key0 = all(k0), key1 = all(k1);
    for (size_t i = 0; i < kParts; ++i) {
      Lanes p0 = product(c0[i], m0), p1 = product(c2[i], m1);
      c0[i] = exclusive_or(high(p1), c1[i], key0);
      c1[i] = p1;
      c2[i] = exclusive_or(high(p0), c3[i], key1);
      c3[i] = p0;
    }
  }
  const Lanes* words[] = {c0, c1, c2, c3};
  for (size_t w = 0; w < 4; ++w) {
    for (size_t i = 0; i < kParts; i += 2) {
      store(out + w * kFillLanes + i * kEach, words[w][i], words[w][i + 1]);
    }
  }
}

/// ln(x) for normal x > 0, within 2 ulp (Cephes logf).
inline float log_positive(float x) {
  int32_t i;
  std::memcpy(&i, &x, sizeof i);
  int32_t e = (i - 0x3F3504F3) >> 23;  // x = m 2^e with m in [sqrt(1/2), sqrt(2))
  i -= e << 23;
  float m;
  std::memcpy(&m, &i, sizeof m);
  float t = m - 1.0f, t2 = t * t;
  float p = 7.0376836292e-2f;
  p = p * t - 1.1514610310e-1f;
  p = p * t + 1.1676998740e-1f;
  p = p * t - 1.2420140846e-1f;
  p = p * t + 1.4249322787e-1f;
  p = p * t - 1.6668057665e-1f;
  p = p * t + 2.0000714765e-1f;
  p = p * t - 2.4999993993e-1f;
  p = p * t + 3.3333331174e-1f;
  auto f = static_cast<float>(e);
  float y = p * t * t2 + f * -2.12194440e-4f - 0.5f * t2;
  return t + y + f * 0.693359375f;
}

/// Two independent standard normals from two words (Box & Muller 1958).
inline void normal_pair(uint32_t a, uint32_t b, float* z0, float* z1) {
  float u = static_cast<float>(static_cast<int32_t>(a >> 8) + 1) * 0x1p-24f;  // (0, 1]
  float r = __builtin_sqrtf(-2.0f * log_positive(u));
  // The angle is a quarter turn times quadrant plus f in [-1/2, 1/2).
  float turn = static_cast<float>(static_cast<int32_t>(b >> 8)) * 0x1p-22f;
  auto quadrant = static_cast<int32_t>(turn + 0.5f);
  float x = (turn - static_cast<float>(quadrant)) * 1.57079632679f, x2 = x * x;
  float sine = ((-1.9515295891e-4f * x2 + 8.3321608736e-3f) * x2 - 1.6666654611e-1f) * x2 * x + x;
  float cosine =
      ((2.443315711809948e-5f * x2 - 1.388731625493765e-3f) * x2 + 4.166664568298827e-2f) * x2 *
          x2 -
      0.5f * x2 + 1.0f;
  bool odd = quadrant & 1;
  float s = odd ? cosine : sine, c = odd ? sine : cosine;
  *z0 = r * (((quadrant + 1) & 2) ? -c : c);
  *z1 = r * ((quadrant & 2) ? -s : s);
}

void fill_bits(uint64_t key, uint64_t step, uint64_t block, uint32_t* out, size_t groups) {
  for (size_t g = 0; g < groups; ++g) {
    group_bits(key, step, block + g * kFillLanes, out + g * kFillGroup);
  }
}

void fill_uniform(uint64_t key, uint64_t step, uint64_t block, float* out, size_t groups) {
  for (size_t g = 0; g < groups; ++g) {
    uint32_t words[kFillGroup];
    group_bits(key, step, block + g * kFillLanes, words);
    for (size_t i = 0; i < kFillGroup; ++i) {
      out[g * kFillGroup + i] = static_cast<float>(static_cast<int32_t>(words[i] >> 8)) * 0x1p-24f;
    }
  }
}

void fill_normal(uint64_t key, uint64_t step, uint64_t block, float* out, size_t groups) {
  for (size_t g = 0; g < groups; ++g) {
    uint32_t words[kFillGroup];
    group_bits(key, step, block + g * kFillLanes, words);
    float* z = out + g * kFillGroup;
    for (size_t i = 0; i < kFillGroup / 2; ++i) {
      normal_pair(words[i], words[i + kFillGroup / 2], z + i, z + i + kFillGroup / 2);
    }
  }
}

void below(const uint8_t* chances, float* x, size_t n) {
  for (size_t i = 0; i < n; ++i) x[i] = x[i] < static_cast<float>(chances[i]) / 255.0f ? 1 : 0;
}

}  // namespace

extern const RngFills kRngFills;
const RngFills kRngFills = {fill_bits, fill_uniform, fill_normal, below};

}  // namespace elbo::ELBO_ISA
