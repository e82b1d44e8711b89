// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "elbo/core/family.h"
#include "elbo/kernels/update.h"
#include "elbo/tensor/tensor_file.h"
#include "elbo/tensor/torch.h"

namespace elbo {

/// Called for elements [offset, offset + count) of a parameter when they have been moved, perhaps
/// on another thread, while they are in its cache.
using Moved = std::function<void(size_t parameter, int64_t offset, int64_t count)>;

/// Moves parameters against their gradients. Where all are in f32 on the CPU, kernels move them, in
/// pieces that workers() share out; LibTorch's operators move others.
class Optimizer {
 public:
  explicit Optimizer(const std::vector<Tensor>& params);
  virtual ~Optimizer() = default;
  /// The norm of all gradients. Where a parameter has none, it has zeros from then on.
  double gradient_norm();
  /// One step at learning rate lr, after gradient_norm(). scale: factor of the gradients. moved:
  /// told of every piece that kernels have moved; may be empty.
  void step(double lr, double scale = 1, const Moved& moved = {});
  /// The tensors that a resumed run needs, live: loading copies into them.
  virtual NamedTensors state() const = 0;

 protected:
  /// Sets what the formula needs beside lr and scale; counts the step.
  virtual void fill(UpdateStep& s) = 0;
  /// Moves n weights from `offset` on of parameter i.
  virtual void move(const UpdateStep& s, size_t i, int64_t offset, int64_t n) const = 0;
  /// The same step by LibTorch's operators.
  virtual void step_by_operators(double lr) = 0;

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
  std::vector<Piece> pieces_;    // none where operators move the parameters
  std::vector<double> squares_;  // of each piece's gradient
  std::vector<float*> weights_, gradients_;
};

/// sgd, rmsprop, adam, adamw; made for the parameters it moves.
const Family<std::unique_ptr<Optimizer>, const std::vector<Tensor>&>& optimizers();

}  // namespace elbo
