// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set, for math_test.cpp.
#include "elbo/kernels/math_testing.h"

#include "elbo/kernels/math.h"

namespace elbo::ELBO_ISA {
namespace {

template <class F>
inline void map(const float* x, float* y, int64_t n, F f) {
  for_each_vec(n,
               [=](int64_t i, int64_t count) { store_n(y + i, f(load_n(x + i, count)), count); });
}

inline Vec softplus(Vec x) {
  Vec unused, y;
  sigmoid_softplus(x, unused, y);
  return y;
}

}  // namespace

#define ELBO_MATH(f)                                                                          \
  {                                                                                           \
#f, [](const float* x, float* y, int64_t n) { map(x, y, n, [](Vec v) { return f(v); }); } \
  }

extern const MathFunction kMath[kMathFunctions];
const MathFunction kMath[kMathFunctions] = {
    ELBO_MATH(exp),  ELBO_MATH(log1p_unit),     ELBO_MATH(sigmoid), ELBO_MATH(softplus),
    ELBO_MATH(tanh), ELBO_MATH(expm1_negative), ELBO_MATH(erf),     ELBO_MATH(log_above_one),
};

}  // namespace elbo::ELBO_ISA
