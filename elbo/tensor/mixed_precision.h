// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>

#include "elbo/tensor/torch.h"

namespace elbo {

/// Whether networks that this thread calls multiply factors of bf16, for as long as it lives
/// (Micikevicius et al. 2018; here in bf16, which needs no scaling of the loss). Weights, and all
/// that is not a network, stay as they are.
class MixedPrecision {
 public:
  explicit MixedPrecision(bool is_on);
  ~MixedPrecision();
  MixedPrecision(const MixedPrecision&) = delete;
  MixedPrecision& operator=(const MixedPrecision&) = delete;

 private:
  bool before_;
};

/// Whether a MixedPrecision that is on lives on this thread.
bool is_mixed_precision();

/// What network() makes of x, in x's type. Where MixedPrecision is on, network() runs under
/// LibTorch's autocast to bf16 on x's device. For Network::run().
Tensor in_mixed_precision(const Tensor& x, const std::function<Tensor()>& network);

}  // namespace elbo
