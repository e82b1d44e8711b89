// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/kernels/likelihood.h"
#include "elbo/kernels/posterior.h"
#include "elbo/tensor/torch.h"

namespace elbo {

/// Whether kernels can read it: f32 on the CPU.
bool is_kernel_tensor(const Tensor& t);

/// log p(x|z) by a kernel that finds value and gradient at once: one node of autograd.
/// parameters [K, B, P, event...] as a decoder puts them out; x and mask [B, event...] (mask: 1 =
/// observed; undefined: all are); own: the likelihood's own parameter, 0-dim, or undefined. All but
/// own, which may be f64, as is_kernel_tensor wants them. Returns [K, B] f64, nats.
Tensor log_prob_by_kernel(const LikelihoodKernels& kernels, const Tensor& parameters,
                          const Tensor& x, const Tensor& mask, const Tensor& own);

/// What one node of autograd makes of a posterior's parameters.
struct KernelDraws {
  Tensor z;        ///< [K, B, Z]
  Tensor kl;       ///< [B, groups] from the standard normal, see PosteriorKernels; nats
  Tensor entropy;  ///< [B] f64, nats
};
/// K draws of each of B examples. parameters [B, P], noise [K, B, Z] standard normal, both as
/// is_kernel_tensor wants them.
KernelDraws draw_by_kernel(const PosteriorKernels& kernels, const Tensor& parameters,
                           const Tensor& noise);

}  // namespace elbo
