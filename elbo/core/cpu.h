// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

namespace elbo {

/// The instruction sets that hot code is compiled for, each holding the ones before it.
enum class Isa {
  scalar,       ///< what every machine has
  avx2,         ///< AVX2 and FMA
  avx512,       ///< AVX-512 F, BW, DQ and VL
  avx512_bf16,  ///< its dot products of bf16, for products in bf16
  amx,          ///< AMX's tiles of bf16, likewise
};
constexpr Isa kIsas[] = {Isa::scalar, Isa::avx2, Isa::avx512, Isa::avx512_bf16, Isa::amx};

std::string_view isa_name(Isa isa);

/// The highest that this machine has.
Isa highest_isa();

/// The one in use: the highest, or a lower one named by the environment variable ELBO_ISA.
/// Throws Error(Code::usage) for a name that is unknown or more than the machine has.
Isa isa();

/// Picks by instruction set; what has no version of its own uses the one below.
template <class T>
T by_isa(Isa isa, T scalar, T avx2, T avx512) {
  return isa >= Isa::avx512 ? avx512 : isa == Isa::avx2 ? avx2 : scalar;
}
template <class T>
T by_isa(Isa isa, T scalar, T avx2, T avx512, T avx512_bf16, T amx) {
  if (isa <= Isa::avx512) return by_isa(isa, scalar, avx2, avx512);
  return isa == Isa::amx ? amx : avx512_bf16;
}

}  // namespace elbo
