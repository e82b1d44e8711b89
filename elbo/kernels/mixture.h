// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "elbo/core/cpu.h"

namespace elbo {

/// Components are taken in blocks of so many, whatever the instruction set.
constexpr int64_t kMixtureBlock = 64;
/// The components' count, rounded up to whole blocks.
constexpr int64_t mixture_stride(int64_t components) {
  return (components + kMixtureBlock - 1) / kMixtureBlock * kMixtureBlock;
}

/// Diagonal normals in equal parts, p(z) = 1/C sum_c N(z; mu_c, exp(log_var_c)), laid out by
/// dimension so that components lie side by side.
struct MixtureParts {
  float* mean;       ///< [Z][S]
  float* precision;  ///< [Z][S] exp(-log_var)
  float* constant;   ///< [S] -1/2 sum_j log_var_cj; most negative where there is no component
  int64_t components, latent;
  int64_t stride;  ///< S = mixture_stride(C)
};

/// The density of such a mixture and its gradients. Differences are taken before they are squared,
/// so that narrow components far from 0 lose nothing in f32.
struct MixtureKernels {
  /// Fills what parts points to. mean, log_var: [C][Z].
  void (*prepare)(const float* mean, const float* log_var, const MixtureParts& parts);
  /// log p(z), nats, of one row z [Z]. shares [S] are written: p(c|z), the component's share in it.
  double (*row)(const MixtureParts& parts, const float* z, float* shares);
  /// dz [Z] = weight d log p(z) / d z of one row.
  void (*of_row)(const MixtureParts& parts, const float* z, const float* shares, float weight,
                 float* dz);
  /// d sum_n weight_n log p(z_n) / d mean and / d log_var, [C][Z] both, of one block's components.
  /// z [N][Z], shares [N][S], weight [N].
  void (*of_block)(const MixtureParts& parts, const float* z, const float* shares,
                   const float* weight, int64_t rows, int64_t block, float* of_mean,
                   float* of_log_var);
};

const MixtureKernels& mixture_kernels(Isa isa);

}  // namespace elbo
