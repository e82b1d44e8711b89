// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

#include "elbo/core/cpu.h"

namespace elbo {

/// One draw z from q(z|x) of one example, q's entropy H and KL from the standard normal, and the
/// gradients. The KL comes in groups: one for each dimension where it separates, one in all where
/// it does not, none where there is no noise (H is 0 then). What the encoder puts out is laid out
/// as prob/posterior.cpp has it.
struct PosteriorKernels {
  int64_t (*parameters)(int64_t latent);
  int64_t (*groups)(int64_t latent);
  bool has_noise;
  /// noise [latent] standard normal; z [latent] and kl [groups], nats, are written. Returns H,
  /// nats.
  double (*forward)(const float* parameters, const float* noise, int64_t latent, float* z,
                    float* kl);
  /// gradient [parameters] of sum_j dz_j z_j + sum_g weight_g kl_g + entropy_weight H.
  void (*backward)(const float* parameters, const float* noise, int64_t latent, const float* dz,
                   const float* weight, float entropy_weight, float* gradient);
};

/// By name in the family of posteriors; null where there is none.
const PosteriorKernels* posterior_kernels(std::string_view name, Isa isa);

}  // namespace elbo
