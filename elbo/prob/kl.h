// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/prob/distribution.h"

namespace elbo {

/// KL(q || p) in closed form, [batch...], nats.
///
/// | q             | p        | formula                                                          |
/// |---------------|----------|------------------------------------------------------------------|
/// | diagonal      | standard | 1/2 sum_j (mu_j^2 + v_j - 1 - log v_j)                           |
/// | diagonal      | diagonal | 1/2 sum_j (((mu_j - m_j)^2 + v_j) / s_j - 1 - log v_j + log s_j) |
/// | full          | standard | 1/2 (|L|_F^2 + |mu|^2 - Z) - sum_j log L_jj                      |
/// | full          | diagonal | as above with L and mu scaled by 1 / sqrt(s_j)                   |
/// | diagonal,full | full     | 1/2 (|M^-1 L|_F^2 + |M^-1 (mu - m)|^2 - Z) + log|M| - log|L|     |
///
/// Throws Error(Code::usage) naming both when there is none; Monte Carlo is the caller's choice.
Tensor kl(const Distribution& q, const Distribution& p);

/// Whether kl(q, p) has a closed form: both are normal, over events of as many dimensions.
bool has_kl(const Distribution& q, const Distribution& p);

/// KL(q(z_j) || p(z_j)) of each element's marginals, [batch..., event...], nats; adds up to kl()
/// when q and p are both diagonal. Throws Error(Code::usage) unless both are normal.
Tensor kl_per_dimension(const Distribution& q, const Distribution& p);

}  // namespace elbo
