// SPDX-License-Identifier: Apache-2.0
#include "elbo/nets/layers.h"

#include <cmath>

#include "elbo/core/error.h"
#include "elbo/tensor/random.h"
#include "elbo/tensor/shapes_only.h"

namespace elbo {
namespace {

struct Activation {
  const char* name;
  Tensor (*apply)(Tensor);
};

constexpr Activation kActivations[] = {
    {"relu", [](Tensor x) { return x.relu_(); }},
    {"tanh", [](Tensor x) { return x.tanh_(); }},
    {"sigmoid", [](Tensor x) { return x.sigmoid_(); }},
    {"leaky-relu", [](Tensor x) { return at::leaky_relu_(x, 0.01); }},
    {"elu", [](Tensor x) { return at::elu(x); }},
    {"gelu", [](Tensor x) { return at::gelu(x); }},
    {"silu", [](Tensor x) { return at::silu(x); }},
    {"softplus", [](Tensor x) { return at::softplus(x); }},
    {"none", [](Tensor x) { return x; }},
};

/// U(-bound, bound), drawn by our generator.
Tensor uniform_within(at::IntArrayRef shape, double bound, Rng& rng) {
  return uniform(rng, shape, weight_options()).mul_(2 * bound).sub_(bound);
}

double weight_bound(const std::string& init, double fan_in, double fan_out) {
  if (init == "glorot") return std::sqrt(6 / (fan_in + fan_out));
  if (init == "he") return std::sqrt(6 / fan_in);
  return 1 / std::sqrt(fan_in);
}

Tensor first_bias(const std::string& init, int64_t out, double fan_in, Rng& rng) {
  if (init == "fan-in") return uniform_within({out}, 1 / std::sqrt(fan_in), rng);
  return at::zeros({out}, weight_options());
}

}  // namespace

const std::vector<std::string>& activation_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> out;
    for (const Activation& a : kActivations) out.push_back(a.name);
    return out;
  }();
  return names;
}

Tensor activate(const std::string& name, Tensor x) {
  for (const Activation& a : kActivations) {
    if (name == a.name) return a.apply(std::move(x));
  }
  fail(Code::usage, "unknown activation '{}'", name);
}

const std::vector<std::string>& init_names() {
  static const std::vector<std::string> names = {"glorot", "he", "fan-in"};
  return names;
}

Linear::Linear(int64_t in, int64_t out, const std::string& init, Rng& rng) {
  auto fan_in = static_cast<double>(in), fan_out = static_cast<double>(out);
  double bound = weight_bound(init, fan_in, fan_out);
  weight = register_parameter("weight", uniform_within({out, in}, bound, rng));
  bias = register_parameter("bias", first_bias(init, out, fan_in, rng));
}

Conv::Conv(const ConvShape& s, bool mirrored, const std::string& init, Rng& rng)
    : shape_(s), mirrored_(mirrored) {
  double area = static_cast<double>(s.kernel * s.kernel);
  // A strided mirror spreads each input over kernel^2 outputs, but each output sees only
  // (kernel / stride)^2 of them.
  double reach = mirrored ? area / static_cast<double>(s.stride * s.stride) : area;
  double fan_in = static_cast<double>(s.in) * reach, fan_out = static_cast<double>(s.out) * reach;
  std::vector<int64_t> shape = mirrored ? std::vector<int64_t>{s.in, s.out, s.kernel, s.kernel}
                                        : std::vector<int64_t>{s.out, s.in, s.kernel, s.kernel};
  double bound = weight_bound(init, fan_in, fan_out);
  weight = register_parameter("weight", uniform_within(shape, bound, rng));
  bias = register_parameter("bias", first_bias(init, s.out, fan_in, rng));
}

Tensor Conv::forward(const Tensor& x) {
  std::vector<int64_t> stride = {shape_.stride, shape_.stride};
  std::vector<int64_t> padding = {shape_.padding, shape_.padding};
  if (!mirrored_) return at::conv2d(x, weight, bias, stride, padding);
  return at::conv_transpose2d(x, weight, bias, stride, padding,
                              {shape_.output_padding_h, shape_.output_padding_w});
}

Norm::Norm(const std::string& which, const std::vector<int64_t>& shape)
    : kind(which), shape_(which == "batch" ? std::vector<int64_t>{shape[0]} : shape) {
  if (kind == "none") return;
  weight = register_parameter("weight", at::ones(shape_, weight_options()));
  bias = register_parameter("bias", at::zeros(shape_, weight_options()));
  if (kind == "batch") {
    running_mean = register_buffer("running_mean", at::zeros(shape_, weight_options()));
    running_var = register_buffer("running_var", at::ones(shape_, weight_options()));
  }
}

std::optional<sequential::NormSpec> Norm::spec() const {
  if (kind == "none") return std::nullopt;
  return sequential::NormSpec{kind, weight, bias, running_mean, running_var};
}

Tensor Norm::forward(const Tensor& x) {
  if (kind == "none") return x;
  if (kind == "layer")
    return at::layer_norm(x, shape_, weight, bias, sequential::kNormEpsilon, false);
  bool use_batch = is_training() && x.numel() > x.size(1);  // one value has no variance
  return at::batch_norm(x, weight, bias, running_mean, running_var, use_batch,
                        sequential::kNormMomentum, sequential::kNormEpsilon, false);
}

Tensor dropout(const Tensor& x, double rate, bool training, RowNoise& noise) {
  if (!training || rate == 0) return x;
  at::ScalarType type = at::promote_types(x.scalar_type(), at::kFloat);  // under autocast x is bf16
  Tensor drawn = noise.uniform(x.numel() / x.size(0), x.options().dtype(type)).view(x.sizes());
  Tensor keep = (drawn >= rate).to(type);
  return x * keep.mul_(1 / (1 - rate));
}

}  // namespace elbo
