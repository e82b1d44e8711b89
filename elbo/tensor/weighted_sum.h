// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <utility>
#include <vector>

#include "elbo/tensor/torch.h"

namespace elbo {

/// The sum of all elements, in f64.
double sum_of(const Tensor& t);

/// sum_i w_i sum(t_i), a 0-dim f64 tensor: a loss of terms and their weights as one node of
/// autograd, where operators would take longer to be called than to compute.
Tensor weighted_sum(const std::vector<std::pair<Tensor, double>>& terms);

}  // namespace elbo
