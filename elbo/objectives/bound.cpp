// SPDX-License-Identifier: Apache-2.0
#include "elbo/objectives/bound.h"

#include <cmath>

namespace elbo {
namespace {

/// The scalar KL under free bits: each dimension's mean over the batch counts as at least
/// free_bits; where it does not separate, the whole as at least Z free_bits.
Tensor kl_with_free_bits(const Latent& latent, const Tensor& kl, double free_bits) {
  if (free_bits == 0) return kl.mean();
  if (latent.kl_per_dimension.defined()) {
    return latent.kl_per_dimension.mean(0).clamp_min(free_bits).sum();
  }
  return kl.mean().clamp_min(free_bits * static_cast<double>(latent.z.size(-1)));
}

/// A model without noise has no KL.
bool has_divergence(const Latent& latent) { return latent.kl.defined() || latent.log_q.defined(); }

/// What every bound tells of a pass: recon and kl with their sum, the terms of the kind of model,
/// and the loss.
void add_terms(const Pass& pass, const Tensor& recon, const Tensor& kl, Loss& loss) {
  loss.terms.emplace_back("recon", recon.detach());
  loss.terms.emplace_back("kl", kl.detach());
  loss.terms.emplace_back("neg_elbo", loss.terms[0].second + loss.terms[1].second);
  for (const auto& [name, term] : pass.terms) {
    loss.total = loss.total + term.mean();
    loss.terms.emplace_back(name, term.detach());
  }
  loss.terms.emplace_back("loss", loss.total.detach());
}

/// -ELBO = -E_q log p(x|z) + beta KL(q(z|x) || p(z)); one draw of z.
class Elbo : public Bound {
 public:
  PassOptions pass_options() const override { return {}; }
  bool has_kl() const override { return true; }
  Loss loss(const Pass& pass, const LossWeights& weights) const override {
    Tensor recon = -pass.log_px.mean(0), kl;
    Loss out;
    out.total = recon.mean();
    for (const Latent& latent : pass.latents) {
      if (!has_divergence(latent)) continue;
      Tensor own = kl_of(latent);
      Tensor charged = kl_with_free_bits(latent, own, weights.free_bits);
      out.total = at::add(out.total, charged, weights.beta);
      kl = kl.defined() ? kl + own.detach() : own.detach();
    }
    add_terms(pass, recon, kl.defined() ? kl : at::zeros_like(recon), out);
    return out;
  }
};

struct IwaeOptions {
  int64_t samples = 5;
  void fields(Fields& f) { f("samples", samples, "draws K of z for each example", at_least(1)); }
};

/// -L_K, L_K = E log 1/K sum_k w_k with w_k = p(x|z_k) (p(z_k) / q(z_k|x))^beta and z_1 .. z_K from
/// q(z|x). The gradient is that of Burda, Grosse & Salakhutdinov 2016, eq. (14).
class Iwae : public Bound {
 public:
  explicit Iwae(const IwaeOptions& options) : samples_(options.samples) {}
  PassOptions pass_options() const override { return {.samples = samples_, .densities = true}; }
  bool has_kl() const override { return false; }
  Loss loss(const Pass& pass, const LossWeights& weights) const override {
    Tensor log_w = pass.log_px, kl;
    for (const Latent& latent : pass.latents) {
      Tensor log_ratio = latent.log_p - latent.log_q;  // [K, B]
      log_w = at::add(log_w, log_ratio, weights.beta);
      Tensor own = latent.kl.defined() ? latent.kl.detach() : -log_ratio.detach().mean(0);
      kl = kl.defined() ? kl + own : own;
    }
    Tensor bound = log_w.logsumexp(0) - std::log(static_cast<double>(samples_));  // [B]
    Loss out;
    out.total = -bound.mean();
    add_terms(pass, -pass.log_px.detach().mean(0), kl, out);
    out.terms.emplace_back("iwae", -bound.detach());
    return out;
  }

 private:
  int64_t samples_;
};

}  // namespace

const Family<std::unique_ptr<Bound>>& bounds() {
  static const auto family = [] {
    Family<std::unique_ptr<Bound>> f("bound", "lower bounds of log p(x) to maximise");
    f.row<NoOptions>("elbo", "the evidence lower bound, its KL in closed form where there is one",
                     "Kingma & Welling 2014",
                     [](const NoOptions&) { return std::make_unique<Elbo>(); });
    f.row<IwaeOptions>("iwae", "the importance-weighted bound, tighter with every draw",
                       "Burda, Grosse & Salakhutdinov 2016",
                       [](const IwaeOptions& o) { return std::make_unique<Iwae>(o); });
    return f;
  }();
  return family;
}

}  // namespace elbo
