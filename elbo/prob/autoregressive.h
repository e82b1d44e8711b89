// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "elbo/prob/likelihood.h"

namespace elbo {

/// p(x|z) = prod_t p(x_t | x_<t, z), each factor by the likelihood from what the decoder puts out
/// for step t: x_t is row t of the event's first dimension. log_prob needs one pass of the decoder
/// (it is shown x), sample one for each step. mean() is the path on which every step takes its
/// point(), which is not the mean of x; variance() throws Error(Code::usage).
/// z [batch..., Z]. Source: Bowman et al. 2016, section 2.
std::unique_ptr<Distribution> make_autoregressive(const Likelihood& likelihood, Decoder decoder,
                                                  Tensor z);

}  // namespace elbo
