// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/kl.h"

#include "elbo/prob/normal.h"

namespace elbo {
namespace {

template <class T>
const T* is(const Distribution& d) {
  return dynamic_cast<const T*>(&d);
}

Tensor normal_elements(const Tensor& mu, const Tensor& log_var) {
  return 0.5 * (mu.square() + log_var.exp() - 1 - log_var);
}

Tensor normal_elements(const Tensor& mu, const Tensor& log_var, const DiagonalNormal& p) {
  if (is<StandardNormal>(p)) return normal_elements(mu, log_var);
  Tensor scale = (-p.log_var()).exp();
  return 0.5 * ((mu - p.mean()).square() * scale + (log_var - p.log_var()).exp() - 1 - log_var +
                p.log_var());
}

/// With q and p shifted and scaled so that p = N(0, I): L [.., Z, Z], mu [.., Z].
Tensor full_to_standard(const Tensor& mu, const Tensor& cholesky) {
  Tensor trace = cholesky.square().sum({-2, -1});
  Tensor log_det = cholesky.diagonal(0, -2, -1).log().sum(-1);
  return 0.5 * (trace + mu.square().sum(-1) - static_cast<double>(mu.size(-1))) - log_det;
}

Tensor full_to_diagonal(const FullNormal& q, const DiagonalNormal& p) {
  if (is<StandardNormal>(p)) return full_to_standard(q.mean(), q.cholesky());
  Tensor scale = (-0.5 * p.log_var()).exp();
  return full_to_standard((q.mean() - p.mean()) * scale, q.cholesky() * scale.unsqueeze(-1));
}

Tensor to_full(const Tensor& mu, const Tensor& cholesky, const FullNormal& p) {
  Tensor centred = (mu - p.mean()).unsqueeze(-1);
  Tensor white_mu = at::linalg_solve_triangular(p.cholesky(), centred, false).squeeze(-1);
  Tensor white_l = at::linalg_solve_triangular(p.cholesky(), cholesky, false);
  return full_to_standard(white_mu, white_l);
}

/// The closed form, or an undefined tensor where there is none.
Tensor closed_form(const Distribution& q, const Distribution& p) {
  auto q_diagonal = is<DiagonalNormal>(q);
  auto p_diagonal = is<DiagonalNormal>(p);
  auto q_full = is<FullNormal>(q);
  auto p_full = is<FullNormal>(p);
  if (!has_kl(q, p)) return {};
  if (q_diagonal && p_diagonal) {
    Tensor element = normal_elements(q_diagonal->mean(), q_diagonal->log_var(), *p_diagonal);
    return element.flatten(-q_diagonal->event_dims(), -1).sum(-1);
  }
  if (q_full && p_diagonal) return full_to_diagonal(*q_full, *p_diagonal);
  if (q_full && p_full) return to_full(q_full->mean(), q_full->cholesky(), *p_full);
  return to_full(q_diagonal->mean(), (0.5 * q_diagonal->log_var()).exp().diag_embed(), *p_full);
}

/// The logarithm of the variance of each element by itself.
Tensor log_variance(const Distribution& d) {
  auto diagonal = is<DiagonalNormal>(d);
  return diagonal ? diagonal->log_var() : d.variance().log();
}

/// The dimensions of a normal's event, 0 for any other distribution.
int64_t normal_event_dims(const Distribution& d) {
  auto diagonal = is<DiagonalNormal>(d);
  return diagonal ? diagonal->event_dims() : is<FullNormal>(d) ? 1 : 0;
}

}  // namespace

bool has_kl(const Distribution& q, const Distribution& p) {
  int64_t dims = normal_event_dims(q);
  return dims > 0 && dims == normal_event_dims(p);
}

Tensor kl(const Distribution& q, const Distribution& p) {
  Tensor out = closed_form(q, p);
  ELBO_CHECK(out.defined(), Code::usage, "KL({} || {}) has no closed form", q.name(), p.name());
  return out;
}

Tensor kl_per_dimension(const Distribution& q, const Distribution& p) {
  ELBO_CHECK(has_kl(q, p), Code::usage, "the KL of each dimension of ({} || {}) has no closed form",
             q.name(), p.name());
  if (is<StandardNormal>(p)) return normal_elements(q.mean(), log_variance(q));
  return normal_elements(q.mean(), log_variance(q), DiagonalNormal(p.mean(), log_variance(p)));
}

}  // namespace elbo
