// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/prob/prior.h"

namespace elbo {

/// A mixture in equal parts: p(x) = 1/C sum_c p_c(x) over vectors x [.., Z].
class Mixture : public Distribution {
 public:
  /// components: a batch [C] of distributions over [Z].
  explicit Mixture(std::unique_ptr<Distribution> components);
  std::string name() const override { return "mixture"; }
  Tensor sample(Rng& rng, int64_t n) const override;
  /// Throws Error(Code::usage) with a mask.
  Tensor log_prob(const Tensor& x, const Tensor& mask = {}) const override;
  Tensor mean() const override { return components_->mean().mean(0); }
  Tensor variance() const override;

 private:
  std::unique_ptr<Distribution> components_;
  int64_t count_;
};

struct VampOptions {
  int64_t components = 500;
  void fields(Fields& f) {
    f("components", components, "pseudo-inputs C, learned with the model", between(1, 65536));
  }
};

/// The VampPrior: p(z) = 1/C sum_c q(z|u_c) with learned pseudo-inputs u_c of x's shape, which
/// start as training examples. Tomczak & Welling 2018, section 3; they bound pixels' u_c to [0, 1],
/// here nothing bounds them.
std::shared_ptr<Prior> make_vamp_prior(const VampOptions& options, const PriorContext& context);

}  // namespace elbo
