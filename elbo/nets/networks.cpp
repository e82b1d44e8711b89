// SPDX-License-Identifier: Apache-2.0
#include "elbo/nets/conv.h"
#include "elbo/nets/mlp.h"
#include "elbo/nets/network.h"
#include "elbo/tensor/mixed_precision.h"

namespace elbo {

Tensor Network::run(const Tensor& x, const Tensor& previous, Rng& rng) {
  return in_mixed_precision(x, [&] { return forward_after(x, previous, rng); });
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
