// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/bernoulli.h"

#include "elbo/tensor/random.h"

namespace elbo {
namespace {

Tensor softplus(const Tensor& l) { return at::softplus(l); }
Tensor sigmoid(const Tensor& l) { return l.sigmoid(); }

/// Where l is so near 0 that a quotient by it loses its digits.
Tensor is_small(const Tensor& l) { return l.abs() < 0.1; }
/// l with those replaced, for the branch that is not taken there.
Tensor not_small(const Tensor& l) { return at::where(is_small(l), at::ones_like(l), l); }

/// log((e^l - 1) / l) = l / 2 + log(sinh(u) / u), u = |l| / 2.
Tensor log_normaliser(const Tensor& l) {
  Tensor u = not_small(l).abs() / 2, s = l.square() / 4;
  Tensor far = u - (2 * u).log() + at::log1p(-(-2 * u).exp());
  Tensor near = s * (1.0 / 6 - s * (1.0 / 180 - s / 2835));
  return l / 2 + at::where(is_small(l), near, far);
}

/// Its derivative: 1/2 + (coth(l / 2) - 2 / l) / 2.
Tensor continuous_mean(const Tensor& l) {
  Tensor u = not_small(l) / 2, v = l / 2, s = v.square();
  Tensor far = 1 / u.tanh() - 1 / u;
  Tensor near = v * (1.0 / 3 - s * (1.0 / 45 - s * (2.0 / 945 - s / 4725)));
  return (1 + at::where(is_small(l), near, far)) / 2;
}

/// sum_j m_j (x_j l_j - A(l_j)) over the last dimension and its gradient m (x - A'(l)), in half the
/// passes over memory that autograd would take. logits [.., B, D], x [B, D]. x is data: no gradient
/// reaches it.
template <Tensor (*A)(const Tensor&), Tensor (*Derivative)(const Tensor&)>
struct LogProb : torch::autograd::Function<LogProb<A, Derivative>> {
  static Tensor forward(torch::autograd::AutogradContext* ctx, const Tensor& logits,
                        const Tensor& x, const std::optional<Tensor>& mask) {
    ctx->save_for_backward({logits, x, mask.value_or(Tensor())});
    Tensor element = at::mul(x, logits).sub_(A(logits));
    if (mask) element.mul_(*mask);
    return element.sum(-1);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* ctx,
                                                 torch::autograd::variable_list grads) {
    auto saved = ctx->get_saved_variables();
    Tensor grad = at::sub(saved[1], Derivative(saved[0]));
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
  return LogProb<softplus, sigmoid>::apply(flatten_event(logits_, event_dims_),
                                           flatten_event(x, event_dims_), observed);
}

Tensor Bernoulli::variance() const {
  Tensor p = mean();
  return p * (1 - p);
}

Tensor Bernoulli::entropy() const {
  Tensor element = at::softplus(logits_) - logits_ * mean();
  return flatten_event(element, event_dims_).sum(-1);
}

Tensor Bernoulli::logits_of_mean(const Tensor& m) { return m.log() - (1 - m).log(); }

ContinuousBernoulli::ContinuousBernoulli(Tensor logits, int64_t event_dims)
    : logits_(std::move(logits)), event_dims_(event_dims) {}

Tensor ContinuousBernoulli::sample(Rng& rng, int64_t n) const {
  std::vector<int64_t> shape = {n};
  shape.insert(shape.end(), logits_.sizes().begin(), logits_.sizes().end());
  Tensor l = logits_.detach(), u = uniform(rng, shape, l.options());
  // The inverse of F(x) = (e^(x l) - 1) / (e^l - 1), by symmetry from the side where e^l <= 1. At
  // the bound it differs from its limit u by 1e-7 at most.
  Tensor low = -l.abs().clamp_min(1e-6);
  Tensor x = at::log1p(u * at::expm1(low)) / low;
  return at::where(l > 0, 1 - x, x).clamp(0, 1);
}

Tensor ContinuousBernoulli::log_prob(const Tensor& x, const Tensor& mask) const {
  ELBO_ASSERT(!x.requires_grad());
  std::optional<Tensor> observed;
  if (mask.defined()) observed = flatten_event(mask, event_dims_);
  return LogProb<log_normaliser, continuous_mean>::apply(flatten_event(logits_, event_dims_),
                                                         flatten_event(x, event_dims_), observed);
}

Tensor ContinuousBernoulli::mean() const { return continuous_mean(logits_); }

Tensor ContinuousBernoulli::variance() const {
  // A''(l) = (1 / u^2 - 1 / sinh(u)^2) / 4, u = l / 2.
  Tensor u = not_small(logits_).abs() / 2, s = logits_.square() / 4;
  Tensor far = 1 / u.square() - 4 * (-2 * u).exp() / at::expm1(-2 * u).square();
  Tensor near = 1.0 / 3 - s * (1.0 / 15 - s * (2.0 / 189 - s / 675));
  return at::where(is_small(logits_), near, far) / 4;
}

Tensor ContinuousBernoulli::entropy() const {
  Tensor element = log_normaliser(logits_) - logits_ * mean();
  return flatten_event(element, event_dims_).sum(-1);
}

Tensor ContinuousBernoulli::logits_of_mean(const Tensor& m) {
  Tensor target = m.to(at::kDouble), low = at::full_like(target, -1e4), high = -low;
  for (int i = 0; i < 80; ++i) {
    Tensor middle = (low + high) / 2, below = continuous_mean(middle) < target;
    low = at::where(below, middle, low);
    high = at::where(below, high, middle);
  }
  return ((low + high) / 2).to(m.scalar_type());
}

}  // namespace elbo
