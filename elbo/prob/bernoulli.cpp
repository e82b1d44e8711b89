// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/bernoulli.h"

#include "elbo/tensor/random.h"

namespace elbo {
namespace {

/// sum_j m_j (x_j l_j - softplus(l_j)) over the last dimension and its gradient m (x - sigmoid(l)),
/// in half the passes over memory that autograd would take. logits [.., B, D], x [B, D]. x is data:
/// no gradient reaches it.
struct LogProb : torch::autograd::Function<LogProb> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& logits,
                        const Tensor& x, const std::optional<Tensor>& mask) {
    ctx->save_for_backward({logits, x, mask.value_or(Tensor())});
    Tensor element = at::mul(x, logits).sub_(at::softplus(logits));
    if (mask) element.mul_(*mask);
    return element.sum(-1);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    auto saved = ctx->get_saved_variables();
    Tensor grad = at::sub(saved[1], saved[0].sigmoid());
    if (saved[2].defined()) grad.mul_(saved[2]);
    grad.mul_(grads[0].unsqueeze(-1));
    return {grad.sum_to_size(saved[0].sizes()), Tensor(), Tensor()};
  }
};

/// Merges the last n dimensions into one.
Tensor flatten_event(const Tensor& t, int64_t n) { return n == 1 ? t : t.flatten(-n, -1); }

}  // namespace

Bernoulli::Bernoulli(Tensor logits, int64_t event_dims)
    : logits_(std::move(logits)), event_dims_(event_dims) {}

Tensor Bernoulli::sample(Rng& rng, int64_t n) const {
  std::vector<int64_t> shape = {n};
  shape.insert(shape.end(), logits_.sizes().begin(), logits_.sizes().end());
  Tensor p = mean().detach();
  return (uniform(rng, shape, p.options()) < p).to(p.scalar_type());
}

Tensor Bernoulli::log_prob(const Tensor& x, const Tensor& mask) const {
  ELBO_ASSERT(!x.requires_grad());
  std::optional<Tensor> observed;
  if (mask.defined()) observed = flatten_event(mask, event_dims_);
  return LogProb::apply(flatten_event(logits_, event_dims_), flatten_event(x, event_dims_),
                        observed);
}

Tensor Bernoulli::variance() const {
  Tensor p = mean();
  return p * (1 - p);
}

Tensor Bernoulli::entropy() const {
  Tensor element = at::softplus(logits_) - logits_ * mean();
  return flatten_event(element, event_dims_).sum(-1);
}

}  // namespace elbo
