// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/denormals.h"

#if defined(__x86_64__)
#include <xmmintrin.h>
#endif

namespace elbo {

#if defined(__x86_64__)

namespace {

constexpr auto kFlags = static_cast<uint32_t>(Denormals::flush);

}  // namespace

Denormals denormals() { return static_cast<Denormals>(_mm_getcsr() & kFlags); }

void set_denormals(Denormals mode) {
  uint32_t now = _mm_getcsr();
  uint32_t next = (now & ~kFlags) | static_cast<uint32_t>(mode);
  if (next != now) _mm_setcsr(next);
}

#else

Denormals denormals() { return Denormals::keep; }
void set_denormals(Denormals) {}

#endif

}  // namespace elbo
