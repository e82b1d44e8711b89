// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/prior.h"

#include "elbo/prob/mixture.h"
#include "elbo/prob/normal.h"

namespace elbo {
namespace {

class NormalPrior : public Prior {
 public:
  explicit NormalPrior(int64_t latent) : latent_(latent) {}
  bool is_standard_normal() const override { return true; }
  std::unique_ptr<Distribution> given(const EncodeFn&, at::TensorOptions options) const override {
    return std::make_unique<StandardNormal>(latent_, options);
  }

 private:
  int64_t latent_;
};

}  // namespace

const Family<std::shared_ptr<Prior>, const PriorContext&>& priors() {
  static const auto family = [] {
    Family<std::shared_ptr<Prior>, const PriorContext&> f("prior", "p(z), before x is seen");
    f.row<NoOptions>("normal", "standard normal N(0, I)", "Kingma & Welling 2014",
                     [](const NoOptions&, const PriorContext& c) {
                       return std::make_shared<NormalPrior>(c.latent);
                     });
    f.row<VampOptions>("vamp", "a mixture of the posteriors of learned pseudo-inputs",
                       "Tomczak & Welling 2018", make_vamp_prior);
    return f;
  }();
  return family;
}

}  // namespace elbo
