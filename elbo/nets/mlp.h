// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/nets/network.h"

namespace elbo {

struct MlpOptions {
  std::vector<int64_t> sizes = {400};
  std::string activation = "relu";
  std::string norm = "none";
  double dropout = 0;
  std::string init = "glorot";
  void fields(Fields& f);
};

/// Dense layers: flatten, then (linear, norm, activation, dropout) for each hidden width, then
/// linear to the output's shape.
std::shared_ptr<Network> make_mlp(const MlpOptions& options, const NetworkContext& context,
                                  Rng& rng);

}  // namespace elbo
