// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/batch.h"

namespace elbo {

Batch Batch::to(at::Device device) const {
  Batch out = *this;
  for (Tensor* t :
       {&out.x, &out.input, &out.mask, &out.y, &out.lengths, &out.condition, &out.weight}) {
    if (t->defined()) *t = t->to(device, /*non_blocking=*/true);
  }
  return out;
}

}  // namespace elbo
