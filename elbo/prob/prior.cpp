// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/prior.h"

#include "elbo/prob/normal.h"

namespace elbo {
namespace {

class NormalPrior : public Prior {
 public:
  explicit NormalPrior(int64_t latent) : latent_(latent) {}
  std::unique_ptr<Distribution> given(const EncodeFn&, at::TensorOptions options) const override {
    return std::make_unique<StandardNormal>(latent_, options);
  }

 private:
  int64_t latent_;
};

}  // namespace

const Family<std::shared_ptr<Prior>, int64_t>& priors() {
  static const auto family = [] {
    Family<std::shared_ptr<Prior>, int64_t> f("prior", "p(z), before x is seen");
    f.row<NoOptions>(
        "normal", "standard normal N(0, I)", "Kingma & Welling 2014",
        [](const NoOptions&, int64_t latent) { return std::make_shared<NormalPrior>(latent); });
    return f;
  }();
  return family;
}

}  // namespace elbo
