// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "elbo/kernels/gemm.h"
#include "elbo/sequential/layer.h"
#include "elbo/tensor/random.h"

namespace elbo::sequential {

/// Runs a network that is a sequence of layers by the kernels, shared out among workers(): one node
/// of autograd, whose gradients are those of x and of the network's own parameters.
///
/// Passes may be alive at once, each with memory of its own, which it takes from a pool and gives
/// back when its gradient has been taken or the node is let go. Where nobody asks for a gradient
/// outside training, every worker takes some rows through the whole network while they are in its
/// cache. Neither the number of workers nor the rows beside it change a bit of what a row becomes.
///
/// Backwards it throws Error(Code::usage) where the gradient is itself to be differentiated, and
/// Error(Code::failure) where x or a parameter changed in between.
class KernelNetwork {
 public:
  /// in_rank: dimensions of an example; out_shape: of what is put out for one.
  KernelNetwork(std::vector<LayerSpec> layers, int64_t in_rank, std::vector<int64_t> out_shape);
  ~KernelNetwork();
  KernelNetwork(const KernelNetwork&) = delete;
  KernelNetwork& operator=(const KernelNetwork&) = delete;

  /// Why the kernels cannot run it as its parameters are now; empty when they can.
  std::string why_not() const;
  /// x [.., in...], f32 on the CPU, to [.., out...]. noise: of all rows, for dropout. Throws
  /// Error(Code::usage) for rows of another width.
  Tensor run(const Tensor& x, RowNoise& noise, bool is_training, Precision precision);

 private:
  struct Pass;
  struct Passes;
  struct Inference;
  struct Node;
  Tensor infer(const Tensor& x, Precision precision);
  std::vector<int64_t> shape_of_output(const Tensor& x) const;

  std::vector<LayerSpec> layers_;
  std::vector<Tensor> parameters_;
  std::vector<int64_t> out_shape_;
  int64_t in_rank_, in_width_;
  std::string why_not_stages_;
  std::shared_ptr<Passes> passes_;
};

/// Floating-point operations of products that passes on this thread have done so far, both ways.
double operations_done();

}  // namespace elbo::sequential
