// SPDX-License-Identifier: Apache-2.0
// Elementary functions of one instruction set's vectors. Errors stand in math_test.cpp. After
// Moshier's Cephes (single precision), without its branches.
#pragma once

#include "elbo/kernels/vec.h"

namespace elbo::ELBO_ISA {

/// Reinterprets bits; a vector cast in GNU C++ does the same.
inline Ints bits_of(Vec x) { return reinterpret_cast<Ints>(x); }
inline Vec float_of(Ints i) { return reinterpret_cast<Vec>(i); }

/// e^x; x is held within +-87.3, so the result is normal and finite. NaN stays NaN.
inline Vec exp(Vec x) {
  Vec held = smaller(larger(x, splat(-87.3f)), splat(87.3f));
  Vec n = held * 1.44269504f + 12582912.0f;  // 1.5 2^23: its low bits hold the rounded product
  Ints power = bits_of(n) << 23;
  n -= 12582912.0f;
  Vec r = held - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  Vec p = r * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  Vec y = p * (r * r) + r + 1.0f;
  return select(x != x, x, float_of(bits_of(y) + power));
}

/// ln(1 + t) - t, for 1 + t within a factor of sqrt 2 of 1.
inline Vec log_rest(Vec t) {
  Vec t2 = t * t;
  Vec p = t * 7.0376836292e-2f - 1.1514610310e-1f;
  p = p * t + 1.1676998740e-1f;
  p = p * t - 1.2420140846e-1f;
  p = p * t + 1.4249322787e-1f;
  p = p * t - 1.6668057665e-1f;
  p = p * t + 2.0000714765e-1f;
  p = p * t - 2.4999993993e-1f;
  p = p * t + 3.3333331174e-1f;
  return p * t * t2 - 0.5f * t2;
}

/// ln x for normal x > 0, infinity and NaN.
inline Vec log(Vec x) {
  Ints exponent = (bits_of(x) - 0x3F3504F3) >> 23;  // of x / sqrt(1/2)
  Vec t = float_of(bits_of(x) - (exponent << 23)) - 1.0f,
      n = __builtin_convertvector(exponent, Vec);
  Vec y = n * 0.693359375f + (t + (log_rest(t) - n * 2.12194440e-4f));
  return select(x < __builtin_inff(), y, x);
}

/// ln(1 + u) for 0 <= u <= 1.
inline Vec log1p_unit(Vec u) {
  Vec y = u + 1.0f;
  Vec lost = (u - (y - 1.0f)) / y;  // what rounding 1 + u took away
  Ints halved = y > 1.41421356f;
  Vec t = select(halved, y * 0.5f, y) - 1.0f, rest = log_rest(t) + lost;
  Vec one = float_of(halved & bits_of(splat(1.0f)));
  return one * 0.693359375f + (t + (rest - one * 2.12194440e-4f));
}

/// 1 / (1 + e^-x) and ln(1 + e^x), from one exponential.
inline void sigmoid_softplus(Vec x, Vec& sigmoid, Vec& softplus) {
  Vec e = exp(-absolute(x)), over = 1.0f / (e + 1.0f);
  sigmoid = select(x >= 0.0f, over, e * over);
  softplus = larger(x, splat(0.0f)) + log1p_unit(e);
}

inline Vec sigmoid(Vec x) {
  Vec e = exp(-absolute(x)), over = 1.0f / (e + 1.0f);
  return select(x >= 0.0f, over, e * over);
}

inline Vec tanh(Vec x) {
  Vec a = absolute(x), x2 = x * x;
  Vec p = x2 * -5.70498872745e-3f + 2.06390887954e-2f;
  p = p * x2 - 5.37397155531e-2f;
  p = p * x2 + 1.33314422036e-1f;
  p = p * x2 - 3.33332819422e-1f;
  Vec near = p * x2 * x + x;
  Vec e = exp(a * -2.0f), far = (1.0f - e) / (1.0f + e);
  return select(a < 0.625f, near, select(x < 0.0f, -far, far));
}

/// e^x - 1 for x <= 0.
inline Vec expm1_negative(Vec x) {
  Vec p = x * 1.9875691500e-4f + 1.3981999507e-3f;
  p = p * x + 8.3334519073e-3f;
  p = p * x + 4.1665795894e-2f;
  p = p * x + 1.6666665459e-1f;
  p = p * x + 5.0000001201e-1f;
  return select(x > -0.35f, p * x * x + x, exp(x) - 1.0f);
}

/// The error function: its Taylor-like rational form near 0 and 1 - e^(-x^2) times a rational form
/// beyond (Abramowitz & Stegun 7.1.26 refined; Cephes erff, erfcf).
inline Vec erf(Vec x) {
  Vec a = absolute(x), x2 = x * x;
  Vec p = x2 * 7.853861353153693e-5f - 8.010193625184903e-4f;
  p = p * x2 + 5.188327685732524e-3f;
  p = p * x2 - 2.685381193529856e-2f;
  p = p * x2 + 1.128358514861418e-1f;
  p = p * x2 - 3.761262582423300e-1f;
  p = p * x2 + 1.128379165726710e+0f;
  Vec near = p * x;
  Vec q = 1.0f / larger(a, splat(1.0f)), y = q * q;
  Vec c = y * 2.326819970068386e-2f - 1.387039388740657e-1f;  // for a in [1, 2)
  c = c * y + 3.687424674597105e-1f;
  c = c * y - 5.824733027278666e-1f;
  c = c * y + 6.210004621745983e-1f;
  c = c * y - 4.944515323274145e-1f;
  c = c * y + 3.404879937665872e-1f;
  c = c * y - 2.741127028184656e-1f;
  c = c * y + 5.638259427386472e-1f;
  Vec d = y * -1.047766399936249e+1f + 1.297719955372516e+1f;  // for a >= 2
  d = d * y - 7.495518717768503e+0f;
  d = d * y + 2.921019019210786e+0f;
  d = d * y - 1.015265279202700e+0f;
  d = d * y + 4.218463358204948e-1f;
  d = d * y - 2.820767439740514e-1f;
  d = d * y + 5.641895067754075e-1f;
  Vec far = 1.0f - exp(-x2) * q * select(a < 2.0f, c, d);
  return select(a < 1.0f, near, select(x < 0.0f, -far, far));
}

}  // namespace elbo::ELBO_ISA
