// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/cpu.h"

#if defined(__x86_64__) && defined(__linux__)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include <cstdlib>
#include <string>

#include "elbo/core/error.h"

namespace elbo {

std::string_view isa_name(Isa isa) {
  return by_isa<std::string_view>(isa, "scalar", "avx2", "avx512", "avx512_bf16", "amx");
}

#if defined(__x86_64__)
namespace {

/// Whether there are tiles of bf16 and the system lets this process use them, for which it must
/// ask.
bool has_amx() {
#if defined(__linux__)
  constexpr unsigned kTiles = 1u << 24, kBf16 = 1u << 22;  // of leaf 7's edx
  constexpr int kAskForState = 0x1023, kTileData = 18;     // arch_prctl(2)
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & kTiles) || !(d & kBf16)) return false;
  return syscall(SYS_arch_prctl, kAskForState, kTileData) == 0;
#else
  return false;
#endif
}

}  // namespace
#endif

Isa highest_isa() {
#if defined(__x86_64__)
  static const Isa highest = [] {
    __builtin_cpu_init();
    bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                  __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    if (!avx2) return Isa::scalar;
    if (!avx512) return Isa::avx2;
    if (!__builtin_cpu_supports("avx512bf16")) return Isa::avx512;
    return has_amx() ? Isa::amx : Isa::avx512_bf16;
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
