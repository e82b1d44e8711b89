// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/batch.h"

namespace elbo {

Batch Batch::to(at::Device device) const {
  Batch out = *this;
  for (Tensor* t : out.tensors()) {
    if (t->defined() && t != &out.index) *t = t->to(device, /*non_blocking=*/true);
  }
  return out;
}

Batch Batch::narrow(int64_t first, int64_t n) const {
  Batch out = *this;
  for (Tensor* t : out.tensors()) {
    if (t->defined()) *t = t->narrow(0, first, n);
  }
  return out;
}

}  // namespace elbo
