// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/cpu.h"

#include <cstdlib>
#include <string>

#include "elbo/core/error.h"

namespace elbo {

std::string_view isa_name(Isa isa) {
  return by_isa<std::string_view>(isa, "scalar", "avx2", "avx512");
}

Isa highest_isa() {
#if defined(__x86_64__)
  static const Isa highest = [] {
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    return avx2 ? (avx512 ? Isa::avx512 : Isa::avx2) : Isa::scalar;
  }();
  return highest;
#else
  return Isa::scalar;
#endif
}

Isa isa() {
  static const Isa chosen = [] {
    const char* forced = std::getenv("ELBO_ISA");
    if (!forced || !*forced) return highest_isa();
    std::string known;
    for (Isa candidate : kIsas) {
      if (candidate > highest_isa()) break;
      if (forced == isa_name(candidate)) return candidate;
      known += (known.empty() ? "" : ", ") + std::string(isa_name(candidate));
    }
    fail(Code::usage, "ELBO_ISA: this machine has no '{}'; it has: {}", forced, known);
  }();
  return chosen;
}

}  // namespace elbo
