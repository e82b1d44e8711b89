// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/mixture.h"

#include <cmath>
#include <numbers>

#include "elbo/prob/kernel_nodes.h"
#include "elbo/prob/mixture_node.h"
#include "elbo/prob/normal.h"
#include "elbo/tensor/shapes_only.h"

namespace elbo {
namespace {

/// log N(x; mu_c, s_c) for x [N, Z] under C diagonal normals, [N, C]: with the square multiplied
/// out it is two products of matrices, in f64, since large numbers cancel.
Tensor diagonal_log_prob(const Tensor& x, const DiagonalNormal& components) {
  Tensor mu = components.mean().to(at::kDouble);
  Tensor log_var = components.log_var().expand_as(components.mean()).to(at::kDouble);
  Tensor precision = (-log_var).exp(), z = x.to(at::kDouble);
  double log_2_pi = std::log(2 * std::numbers::pi);
  Tensor constant = (mu.square() * precision + log_var).sum(-1) +
                    static_cast<double>(x.size(-1)) * log_2_pi;  // [C]
  Tensor squares = at::matmul(z.square(), precision.t());
  return -0.5 * (squares - 2 * at::matmul(z, (mu * precision).t()) + constant);
}

/// log 1/C sum_c p_c of log p_c [.., C].
Tensor of_all(const Tensor& log_p) {
  return log_p.logsumexp(-1) - std::log(static_cast<double>(log_p.size(-1)));
}

class VampPrior : public Prior {
 public:
  VampPrior(const VampOptions& options, const PriorContext& context) {
    std::vector<int64_t> shape = {options.components};
    shape.insert(shape.end(), context.shown.begin(), context.shown.end());
    pseudo_inputs_ = register_parameter("pseudo_inputs", at::zeros(shape, weight_options()));
  }
  std::unique_ptr<Distribution> given(const EncodeFn& encode, at::TensorOptions) const override {
    return std::make_unique<Mixture>(encode(pseudo_inputs_));
  }
  bool needs_density() const override { return true; }
  /// Different examples, as far as there are enough.
  void start_from(const Tensor& x, Rng& rng) override {
    at::NoGradGuard no_grad;
    std::vector<int64_t> rows = rng.permutation(x.size(0));
    for (int64_t c = 0; c < pseudo_inputs_.size(0); ++c) {
      pseudo_inputs_[c].copy_(x[rows[static_cast<size_t>(c) % rows.size()]]);
    }
  }

 private:
  Tensor pseudo_inputs_;  // [C, shown...]
};

}  // namespace

Mixture::Mixture(std::unique_ptr<Distribution> components)
    : components_(std::move(components)), count_(components_->mean().size(0)) {}

Tensor Mixture::log_prob(const Tensor& x, const Tensor& mask) const {
  ELBO_CHECK(!mask.defined(), Code::usage, "the {} distribution cannot mask single elements",
             name());
  const auto* diagonal = dynamic_cast<const DiagonalNormal*>(components_.get());
  if (!diagonal) return of_all(components_->log_prob(x.unsqueeze(-2)));
  Tensor rows = x.reshape({-1, x.size(-1)});
  bool by_kernel = is_kernel_tensor(x) && is_kernel_tensor(diagonal->mean()) &&
                   is_kernel_tensor(diagonal->log_var());
  Tensor out = by_kernel ? mixture_log_prob(rows, diagonal->mean(),
                                            diagonal->log_var().expand_as(diagonal->mean()))
                         : of_all(diagonal_log_prob(rows, *diagonal));
  return out.view(x.sizes().slice(0, x.dim() - 1));
}

/// By a number of draws at a time from every component, of which each draw's own is taken.
Tensor Mixture::sample(Rng& rng, int64_t n) const {
  constexpr int64_t kDraws = 256;
  at::NoGradGuard no_grad;
  std::vector<Tensor> out;
  for (int64_t done = 0; done < n || out.empty(); done += kDraws) {
    int64_t some = std::min(kDraws, n - done);
    std::vector<int64_t> chosen(static_cast<size_t>(some));
    for (int64_t& c : chosen) c = static_cast<int64_t>(rng.below(static_cast<uint64_t>(count_)));
    Tensor draws = components_->sample(rng, some);  // [n, C, Z]
    Tensor index = at::tensor(chosen, at::kLong).to(draws.device()).view({-1, 1, 1});
    out.push_back(draws.gather(1, index.expand({-1, 1, draws.size(2)})).squeeze(1));
  }
  return at::cat(out);
}

/// Within components, and between them.
Tensor Mixture::variance() const {
  Tensor means = components_->mean();
  return components_->variance().mean(0) + means.var(0, /*unbiased=*/false);
}

std::shared_ptr<Prior> make_vamp_prior(const VampOptions& options, const PriorContext& context) {
  return std::make_shared<VampPrior>(options, context);
}

}  // namespace elbo
