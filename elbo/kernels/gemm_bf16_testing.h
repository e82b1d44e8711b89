// SPDX-License-Identifier: Apache-2.0
// What the tests of products in bf16 share.
#pragma once

#include "elbo/kernels/gemm_testing.h"
#include "elbo/kernels/tile_counts.h"

namespace elbo {
namespace tiles_in_software {
extern const Bf16Kernels kBf16Gemms;
extern TileCounts counts;
}  // namespace tiles_in_software

/// A version of the kernels: one of this machine's, or AMX's with its tiles in software.
struct Version {
  std::string name;
  const Bf16Kernels& kernels;
  int64_t lanes;
};

inline std::vector<Version> bf16_versions() {
  std::vector<Version> out = {{"tiles in software", tiles_in_software::kBf16Gemms, 16}};
  for (Isa isa : machine_isas(true)) {
    out.push_back({name_of(isa), bf16_kernels(isa), gemm_kernels(isa).lanes});
  }
  return out;
}

}  // namespace elbo
