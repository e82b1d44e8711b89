// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/tensor/torch.h"

namespace elbo {

/// A tensor on the CPU like at::empty, whose memory goes back to a store when it is let go and is
/// given out again: tensors that come and go with every step cost no page faults then. The store
/// keeps no more than 256 MiB that is not in use.
Tensor reused_empty(at::IntArrayRef shape, at::ScalarType type = at::kFloat);

}  // namespace elbo
