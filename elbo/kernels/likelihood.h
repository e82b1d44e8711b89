// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "elbo/core/cpu.h"

namespace elbo {

/// One example under a likelihood.
struct LikelihoodRow {
  const float* parameters = nullptr;  ///< [P, elements] as the decoder puts them out
  const float* x = nullptr;           ///< [elements]
  const float* mask = nullptr;        ///< [elements], 1 = observed; null: all are
  int64_t elements = 0;
  float own = 0;    ///< its Likelihood::own_parameter(), learned or fixed, where it has one
  float scale = 1;  ///< factor of the gradients
};

/// log p(x | parameters) of one example with its gradients; the formulas are those of prob/.
struct LikelihoodKernels {
  /// Returns log p(x), nats, over the observed elements. Writes scale * d(-log p) / d parameters to
  /// gradient [P, elements], which may be the parameters' own place, and adds scale * d(-log p) /
  /// d own to own_gradient. gradient may be null: then only the value is wanted, which may differ
  /// in its last bits.
  double (*row)(const LikelihoodRow& row, float* gradient, double* own_gradient);
};

/// By name: a member of the family of likelihoods, with its variant after a dash
/// ("gaussian-element"). Null where there is none.
const LikelihoodKernels* likelihood_kernels(std::string_view name, Isa isa);
std::vector<std::string_view> likelihood_kernel_names();

}  // namespace elbo
