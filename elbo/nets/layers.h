// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/core/rng.h"
#include "elbo/sequential/layer.h"
#include "elbo/tensor/random.h"

namespace elbo {

/// Known activations: relu, tanh, sigmoid, leaky-relu, elu, gelu, silu, softplus, none.
const std::vector<std::string>& activation_names();
/// Applies an activation, in place where the gradient allows it.
Tensor activate(const std::string& name, Tensor x);

/// Known initialisations of weights: glorot U(+-sqrt(6 / (in + out))) (Glorot & Bengio 2010), he
/// U(+-sqrt(6 / in)) (He et al. 2015), fan-in U(+-1 / sqrt(in)) for weights and biases (PyTorch).
const std::vector<std::string>& init_names();

/// x W^T + b. weight [out, in], bias [out].
class Linear : public torch::nn::Module {
 public:
  Linear(int64_t in, int64_t out, const std::string& init, Rng& rng);
  Tensor forward(const Tensor& x) { return at::linear(x, weight, bias); }
  Tensor weight, bias;
};

/// A strided convolution, or its mirror. Square kernels.
struct ConvShape {
  int64_t in, out, kernel, stride, padding;
  int64_t output_padding_h = 0, output_padding_w = 0;  ///< of the mirror only
};

/// weight [out, in, k, k], mirrored [in, out, k, k]; bias [out].
class Conv : public torch::nn::Module {
 public:
  Conv(const ConvShape& shape, bool mirrored, const std::string& init, Rng& rng);
  Tensor forward(const Tensor& x);
  Tensor weight, bias;

 private:
  ConvShape shape_;
  bool mirrored_;
};

/// Batch normalisation over dimension 1 (Ioffe & Szegedy 2015), layer normalisation over all
/// dimensions but the first (Ba et al. 2016), or nothing. kind: none, batch, layer.
class Norm : public torch::nn::Module {
 public:
  Norm(const std::string& kind, const std::vector<int64_t>& shape);
  Tensor forward(const Tensor& x);
  /// As a layer of a sequence has it; nothing for none.
  std::optional<sequential::NormSpec> spec() const;
  const std::string kind;
  Tensor weight, bias;               ///< [channels], or of an example's shape for layer
  Tensor running_mean, running_var;  ///< [channels], for batch

 private:
  std::vector<int64_t> shape_;
};

/// Inverted dropout, x [N, ...]; the identity outside training (Srivastava et al. 2014).
Tensor dropout(const Tensor& x, double rate, bool training, RowNoise& noise);

}  // namespace elbo
