// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>

#include "elbo/tensor/torch.h"

namespace elbo {

/// Some examples, as every part of the library passes them on. Undefined tensors say "none".
struct Batch {
  Tensor x;          ///< [B, event...] f32; before the transforms bytes or f64 too
  Tensor input;      ///< what the encoder sees where that is not x (a corrupted copy)
  Tensor mask;       ///< [B, event...] f32, 1 = observed; x is 0 where it is 0
  Tensor y;          ///< [B] i64 classes or f32 targets
  Tensor lengths;    ///< [B] i64, for sequences
  Tensor condition;  ///< [B, C] f32
  Tensor weight;     ///< [B] f32
  Tensor index;      ///< [B] i64 on the CPU: the row each example has in its source

  int64_t size() const { return x.size(0); }
  const Tensor& encoder_input() const { return input.defined() ? input : x; }
  /// All but the index there.
  Batch to(at::Device device) const;
  /// The examples first .. first + n - 1.
  Batch narrow(int64_t first, int64_t n) const;
  /// Every tensor, whether there is one or not; the index last.
  std::array<Tensor*, 8> tensors() {
    return {&x, &input, &mask, &y, &lengths, &condition, &weight, &index};
  }
};

}  // namespace elbo
