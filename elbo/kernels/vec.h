// SPDX-License-Identifier: Apache-2.0
// Vectors of one instruction set, for sources compiled by elbo_isa_sources (ELBO_ISA names it). All
// is in that namespace, and nothing inline from elsewhere is used: see elbo_isa_sources.
#pragma once

#if defined(__AVX2__)
#include <immintrin.h>
#endif

#include <cstddef>
#include <cstdint>

namespace elbo::ELBO_ISA {

#if defined(__AVX512F__) || defined(ELBO_TILES_IN_SOFTWARE)
constexpr int64_t kLanes = 16;
#elif defined(__AVX2__)
constexpr int64_t kLanes = 8;
#else
constexpr int64_t kLanes = 4;
#endif

typedef float Vec __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t Ints __attribute__((vector_size(kLanes * sizeof(int32_t))));
typedef float UnalignedVec
    __attribute__((vector_size(kLanes * sizeof(float)), aligned(4), may_alias));

inline Vec load(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
inline void store(float* p, Vec v) { *reinterpret_cast<UnalignedVec*>(p) = v; }
inline Vec splat(float x) { return x - Vec{}; }

/// The first n < kLanes elements; the rest are 0.
#if defined(__AVX512F__)
inline Vec load_part(const float* p, int64_t n) {
  return _mm512_maskz_loadu_ps(static_cast<__mmask16>((1u << n) - 1), p);
}
inline void store_part(float* p, Vec v, int64_t n) {
  _mm512_mask_storeu_ps(p, static_cast<__mmask16>((1u << n) - 1), v);
}
#else
inline Vec load_part(const float* p, int64_t n) {
  float lanes[kLanes] = {};
  for (int64_t i = 0; i < n; ++i) lanes[i] = p[i];
  return load(lanes);
}
inline void store_part(float* p, Vec v, int64_t n) {
  float lanes[kLanes];
  store(lanes, v);
  for (int64_t i = 0; i < n; ++i) p[i] = lanes[i];
}
#endif

/// a b + c, rounded once but for Isa::scalar.
inline Vec multiply_add(Vec a, Vec b, Vec c) {
#if defined(__AVX512F__)
  return _mm512_fmadd_ps(a, b, c);
#elif defined(__AVX2__)
  return _mm256_fmadd_ps(a, b, c);
#else
  return a * b + c;
#endif
}

inline Vec select(Ints mask, Vec yes, Vec no) { return mask ? yes : no; }
inline Vec larger(Vec a, Vec b) { return a > b ? a : b; }
inline Vec smaller(Vec a, Vec b) { return a < b ? a : b; }
/// The first n elements; the others become 0.
inline Vec only(Vec x, int64_t n) {
  for (int64_t i = n; i < kLanes; ++i) x[i] = 0;
  return x;
}
inline Vec absolute(Vec x) { return reinterpret_cast<Vec>(reinterpret_cast<Ints>(x) & 0x7FFFFFFF); }

/// The square root of each element.
inline Vec root(Vec x) {
#if defined(__AVX512F__)
  return _mm512_sqrt_ps(x);
#elif defined(__AVX2__)
  return _mm256_sqrt_ps(x);
#else
  for (int64_t i = 0; i < kLanes; ++i) x[i] = __builtin_sqrtf(x[i]);
  return x;
#endif
}

inline float sum(Vec v) {
  float lanes[kLanes];
  store(lanes, v);
  for (int64_t half = kLanes / 2; half > 0; half /= 2) {
    for (int64_t i = 0; i < half; ++i) lanes[i] += lanes[i + half];
  }
  return lanes[0];
}

/// Calls f(offset, count) over n elements: whole vectors, then the rest.
template <class F>
inline void for_each_vec(int64_t n, F f) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) f(i, kLanes);
  if (i < n) f(i, n - i);
}
/// Calls f(begin, end) for runs of n elements short enough for their f32 sums to be exact enough to
/// be added up in f64.
template <class F>
inline void for_each_run(int64_t n, F f) {
  constexpr int64_t kRun = 512;
  for (int64_t begin = 0; begin < n; begin += kRun) f(begin, n - begin < kRun ? n : begin + kRun);
}

inline Vec load_n(const float* p, int64_t n) { return n == kLanes ? load(p) : load_part(p, n); }
inline void store_n(float* p, Vec v, int64_t n) {
  if (n == kLanes) {
    store(p, v);
  } else {
    store_part(p, v, n);
  }
}

}  // namespace elbo::ELBO_ISA
