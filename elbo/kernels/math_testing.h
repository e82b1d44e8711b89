// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace elbo {

/// A function of math.h over n elements.
struct MathFunction {
  const char* name;
  void (*apply)(const float* x, float* y, int64_t n);
};
constexpr int kMathFunctions = 8;

}  // namespace elbo
