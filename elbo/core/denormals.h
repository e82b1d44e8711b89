// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace elbo {

/// What arithmetic on a thread does with denormal numbers: the two flags of x86-64's MXCSR. On
/// other machines they stay as they are, which shows here as `keep`.
enum class Denormals : uint32_t {
  keep = 0,
  zero_operands = 1u << 6,  ///< DAZ: operands that are denormal count as 0
  zero_results = 1u << 15,  ///< FTZ: results that would be denormal are 0
  flush = zero_operands | zero_results,
};

/// Of the calling thread. A thread begins with what the thread that started it had.
Denormals denormals();
void set_denormals(Denormals mode);

/// Flushes denormals on the calling thread for as long as it lives; costs some nanoseconds.
/// Many processors compute tens of times slower with denormals, and what decays becomes one, such
/// as Adam's moments of weights without gradient.
class FlushDenormals {
 public:
  FlushDenormals() : before_(denormals()) { set_denormals(Denormals::flush); }
  ~FlushDenormals() { set_denormals(before_); }
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;

 private:
  Denormals before_;
};

}  // namespace elbo
