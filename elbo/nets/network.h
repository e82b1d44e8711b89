// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "elbo/core/family.h"
#include "elbo/core/rng.h"
#include "elbo/sequential/kernel_network.h"
#include "elbo/tensor/random.h"

namespace elbo {

/// A map from tensor to tensor. It knows its shapes, never what its output means.
class Network : public torch::nn::Module {
 public:
  /// x [N, in...] to [N, out...] by LibTorch's operators. noise: of the N rows, for dropout and its
  /// kin while training.
  virtual Tensor forward(const Tensor& x, RowNoise& noise) = 0;
  /// The shapes of what it takes and of what it puts out for one example.
  virtual std::vector<int64_t> in_shape() const = 0;
  virtual std::vector<int64_t> out_shape() const = 0;
  /// Whether this is a decoder that is shown what x is so far. If so it is called through
  /// forward_after, and its output for step t of the event's first dimension depends on earlier
  /// steps of `previous` [N, event...], as the likelihood shows it, alone.
  virtual bool is_autoregressive() const { return false; }
  virtual Tensor forward_after(const Tensor& z, const Tensor& /*previous*/, RowNoise& noise) {
    return forward(z, noise);
  }
  /// forward_after() as models call it, x [.., in...] to [.., out...]: by the kernels where they
  /// can run it (sequential/kernel_network.h), else by LibTorch's operators. Its products take
  /// factors of bf16 where MixedPrecision (tensor/mixed_precision.h) is on, and what comes out is
  /// of x's type all the same.
  Tensor run(const Tensor& x, const Tensor& previous, RowNoise& noise);
  /// Why run() goes by LibTorch's operators; empty where it does not.
  std::string why_not_kernels() const;
  /// Its layers, if it is a sequence of them.
  virtual std::vector<sequential::LayerSpec> layers() const { return {}; }
  /// Sets the bias of the last layer. bias [out...].
  virtual void set_output_bias(const Tensor& bias) = 0;
  /// The weight of the last layer.
  virtual Tensor output_weight() const = 0;

 private:
  sequential::KernelNetwork& kernels() const;
  mutable std::unique_ptr<sequential::KernelNetwork> kernels_;
};

/// Which of a module's networks LibTorch's operators run, and why; empty where kernels run all.
std::string why_not_kernels(const torch::nn::Module& module);

/// Has networks that this thread calls run by LibTorch's operators for as long as it lives: where a
/// gradient is to be differentiated itself, and where the two ways are held against each other.
class ByOperators {
 public:
  ByOperators();
  ~ByOperators();
  ByOperators(const ByOperators&) = delete;
  ByOperators& operator=(const ByOperators&) = delete;

 private:
  bool outer_;
};

/// What a network is made for.
struct NetworkContext {
  std::vector<int64_t> in, out;  ///< shapes of one example; images {C, H, W}
  bool mirrored = false;         ///< turned round: a decoder made from its encoder's options
};

/// Made with a generator for the initial weights.
const Family<std::shared_ptr<Network>, const NetworkContext&, Rng&>& networks();

}  // namespace elbo
