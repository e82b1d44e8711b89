// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "elbo/core/family.h"
#include "elbo/tensor/tensor_file.h"
#include "elbo/tensor/torch.h"

namespace elbo {

/// Moves parameters against their gradients.
class Optimizer {
 public:
  virtual ~Optimizer() = default;
  /// One step at learning rate lr; every parameter must have its gradient.
  virtual void step(double lr) = 0;
  /// The tensors that a resumed run needs, live: loading copies into them.
  virtual NamedTensors state() const = 0;
};

/// sgd, rmsprop, adam, adamw; made for the parameters it moves.
const Family<std::unique_ptr<Optimizer>, const std::vector<Tensor>&>& optimizers();

}  // namespace elbo
