// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <vector>

#include "elbo/core/family.h"
#include "elbo/kernels/update.h"
#include "elbo/tensor/tensor_file.h"
#include "elbo/tensor/torch.h"

namespace elbo {

/// Moves parameters against their gradients. Parameters in f32 on the CPU are moved by kernels, in
/// pieces that an engine may share out among its threads; others by LibTorch's operators.
class Optimizer {
 public:
  explicit Optimizer(const std::vector<Tensor>& params);
  virtual ~Optimizer() = default;
  /// One step at learning rate lr; every parameter must have its gradient.
  void step(double lr);
  /// The same by LibTorch's operators, which can be recorded. lr: of the parameters' type and
  /// device; skip, a bool there: whether nothing is to be moved or counted.
  virtual void step_by_operators(const Tensor& lr, const Tensor& skip) = 0;
  /// The tensors that a resumed run needs, live: loading copies into them.
  virtual NamedTensors state() const = 0;

  /// A step can be made as begin(), then update() of every piece in any order; 0 where LibTorch's
  /// operators make it.
  int64_t pieces() const { return static_cast<int64_t>(pieces_.size()); }
  /// scale: factor of the gradients.
  void begin(double lr, double scale = 1);
  void update(int64_t piece) const;

 protected:
  /// Sets what the formula needs beside lr and scale; counts the step.
  virtual void fill(UpdateStep& s) = 0;
  /// Moves n weights from `offset` on of parameter i.
  virtual void move(const UpdateStep& s, size_t i, int64_t offset, int64_t n) const = 0;

  float* weight(size_t i) const { return weights_[i]; }
  const float* gradient(size_t i) const { return gradients_[i]; }
  std::vector<Tensor> grads() const;

  std::vector<Tensor> params_;
  const UpdateKernels& kernels_;

 private:
  struct Piece {
    size_t param;
    int64_t offset, count;
  };
  std::vector<Piece> pieces_;
  std::vector<float*> weights_, gradients_;
  UpdateStep step_;
};

/// sgd, rmsprop, adam, adamw; made for the parameters it moves.
const Family<std::unique_ptr<Optimizer>, const std::vector<Tensor>&>& optimizers();

}  // namespace elbo
