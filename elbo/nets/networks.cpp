// SPDX-License-Identifier: Apache-2.0
#include "elbo/nets/conv.h"
#include "elbo/nets/mlp.h"
#include "elbo/nets/network.h"
#include "elbo/tensor/mixed_precision.h"

namespace elbo {

namespace {

thread_local bool by_operators = false;

}  // namespace

ByOperators::ByOperators() : outer_(by_operators) { by_operators = true; }

ByOperators::~ByOperators() { by_operators = outer_; }

sequential::KernelNetwork& Network::kernels() const {
  if (!kernels_)
    kernels_ = std::make_unique<sequential::KernelNetwork>(
        layers(), static_cast<int64_t>(in_shape().size()), out_shape());
  return *kernels_;
}

std::string Network::why_not_kernels() const {
  return by_operators ? "operators are asked for" : kernels().why_not();
}

std::string why_not_kernels(const torch::nn::Module& module) {
  auto tell = [](const std::string& name, const torch::nn::Module& m) -> std::string {
    const auto* network = dynamic_cast<const Network*>(&m);
    std::string why = network ? network->why_not_kernels() : "";
    return why.empty() ? "" : fmt::format("the {} runs by LibTorch's operators: {}", name, why);
  };
  std::string out = tell("network", module);
  for (const auto& item : module.named_modules("", /*include_self=*/false)) {
    if (out.empty()) out = tell(item.key(), *item.value());
  }
  return out;
}

Tensor Network::run(const Tensor& x, const Tensor& previous, RowNoise& noise) {
  bool is_fit = x.is_cpu() && x.scalar_type() == at::kFloat;
  if (is_fit && why_not_kernels().empty()) {
    Precision precision = is_mixed_precision() ? Precision::bf16 : Precision::f32;
    return kernels().run(x, noise, is_training(), precision);
  }
  return in_mixed_precision(x, [&] {
    auto rank = static_cast<int64_t>(in_shape().size());
    if (x.dim() == rank + 1) return forward_after(x, previous, noise);
    Tensor flat = forward_after(x.flatten(0, x.dim() - rank - 1), previous, noise);
    return flat.unflatten(0, x.sizes().slice(0, static_cast<size_t>(x.dim() - rank)));
  });
}

const Family<std::shared_ptr<Network>, const NetworkContext&, Rng&>& networks() {
  static const auto family = [] {
    Family<std::shared_ptr<Network>, const NetworkContext&, Rng&> f(
        "network", "encoders and decoders, from tensor to tensor");
    f.row<MlpOptions>("mlp", "dense layers", "Rumelhart et al. 1986", make_mlp);
    f.row<ConvOptions>("conv", "strided convolutions, or transposed ones in a decoder",
                       "LeCun et al. 1989; Radford et al. 2016", make_conv);
    return f;
  }();
  return family;
}

}  // namespace elbo
