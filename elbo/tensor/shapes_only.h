// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/tensor/torch.h"

namespace elbo {

/// Has models that this thread makes be shapes alone, whose weights take no memory, for as long as
/// it lives: to find out how large one would be. Such a model cannot be run.
class ShapesOnly {
 public:
  ShapesOnly();
  ~ShapesOnly();
  ShapesOnly(const ShapesOnly&) = delete;
  ShapesOnly& operator=(const ShapesOnly&) = delete;

 private:
  bool outer_;
};

/// The options with which parts make their weights: f32 on the CPU, or a shape alone.
at::TensorOptions weight_options();

}  // namespace elbo
