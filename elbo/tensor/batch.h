// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/tensor/torch.h"

namespace elbo {

/// Some examples, as every part of the library passes them on. Undefined tensors say "none".
struct Batch {
  Tensor x;          ///< [B, event...] f32
  Tensor input;      ///< what the encoder sees where that is not x (a corrupted copy)
  Tensor mask;       ///< [B, event...] f32, 1 = observed; x is 0 where it is 0
  Tensor y;          ///< [B] i64 classes or f32 targets
  Tensor lengths;    ///< [B] i64, for sequences
  Tensor condition;  ///< [B, C] f32
  Tensor weight;     ///< [B] f32
  Tensor index;      ///< [B] i64 on the CPU: the row each example has in its source

  int64_t size() const { return x.size(0); }
  const Tensor& encoder_input() const { return input.defined() ? input : x; }
  Batch to(at::Device device) const;
};

}  // namespace elbo
