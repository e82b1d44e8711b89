// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/distribution.h"

#include "elbo/tensor/convert.h"

namespace elbo {

Tensor Distribution::sample_from(const Tensor&) const {
  fail(Code::usage, "the {} distribution is not drawn from normal noise", name());
}

Tensor Distribution::entropy() const {
  fail(Code::usage, "the {} distribution has no closed form for its entropy", name());
}

}  // namespace elbo
