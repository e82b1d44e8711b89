// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/tensor/torch.h"

namespace elbo {

/// log 1/C sum_c N(x; mean_c, diag exp(log_var_c)), nats, by a kernel that finds the components'
/// shares on the way: one node of autograd. x [N, Z], mean and log_var [C, Z], all as
/// is_kernel_tensor wants them. Returns [N] f64.
Tensor mixture_log_prob(const Tensor& x, const Tensor& mean, const Tensor& log_var);

}  // namespace elbo
