// SPDX-License-Identifier: Apache-2.0
#include "elbo/objectives/bound.h"

#include <cmath>

#include "elbo/tensor/weighted_sum.h"

namespace elbo {
namespace {

/// The scalar KL under free bits: each dimension's mean over the batch counts as at least
/// free_bits; where it does not separate, the whole as at least Z free_bits.
Tensor kl_with_free_bits(const Latent& latent, double free_bits) {
  if (latent.separates()) return latent.kl_per_dimension.mean(0).clamp_min(free_bits).sum();
  return kl_of(latent).mean().clamp_min(free_bits * static_cast<double>(latent.z.size(-1)));
}

/// Nats of KL, summed over the batch; [B, Z] or [B].
Tensor summands_of_kl(const Latent& latent) {
  return latent.separates() ? latent.kl_per_dimension : kl_of(latent);
}

/// A model without noise has no KL.
bool has_divergence(const Latent& latent) {
  return latent.has_closed_kl() || latent.log_q.defined();
}

/// What every bound tells of a pass, and the terms of the kind of model, which are added to `sums`.
void add_terms(const Pass& pass, double recon, double kl,
               std::vector<std::pair<Tensor, double>>& sums, Loss& loss) {
  loss.terms = {{"recon", recon}, {"kl", kl}, {"neg_elbo", recon + kl}};
  const double n = 1 / static_cast<double>(pass.log_px.size(1));
  for (const auto& [name, term] : pass.terms) {
    sums.emplace_back(term, n);
    loss.terms.emplace_back(name, n * sum_of(term));
  }
}

/// -ELBO = -E_q log p(x|z) + beta KL(q(z|x) || p(z)); one draw of z.
class Elbo : public Bound {
 public:
  PassOptions pass_options() const override { return {}; }
  bool has_kl() const override { return true; }
  Loss loss(const Pass& pass, const LossWeights& weights) const override {
    const double draws = 1 / static_cast<double>(pass.log_px.numel());
    const double n = 1 / static_cast<double>(pass.log_px.size(1));
    std::vector<std::pair<Tensor, double>> sums = {{pass.log_px, -draws}};
    double kl = 0;
    for (const Latent& latent : pass.latents) {
      if (!has_divergence(latent)) continue;
      Tensor summands = summands_of_kl(latent);
      kl += n * sum_of(summands);
      if (weights.free_bits == 0) {
        sums.emplace_back(summands, n * weights.beta);
      } else {
        sums.emplace_back(kl_with_free_bits(latent, weights.free_bits), weights.beta);
      }
    }
    Loss out;
    add_terms(pass, -draws * sum_of(pass.log_px), kl, sums, out);
    out.total = weighted_sum(sums);
    out.terms.emplace_back("loss", sum_of(out.total));
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
    const double draws = 1 / static_cast<double>(pass.log_px.numel());
    const double n = 1 / static_cast<double>(pass.log_px.size(1));
    Tensor log_w = pass.log_px;
    double kl = 0;
    for (const Latent& latent : pass.latents) {
      Tensor log_ratio = latent.log_p - latent.log_q;  // [K, B]
      log_w = at::add(log_w, log_ratio, weights.beta);
      kl +=
          latent.has_closed_kl() ? n * sum_of(summands_of_kl(latent)) : -draws * sum_of(log_ratio);
    }
    Tensor bound = log_w.logsumexp(0) - std::log(static_cast<double>(samples_));  // [B]
    std::vector<std::pair<Tensor, double>> sums = {{bound, -n}};
    Loss out;
    add_terms(pass, -draws * sum_of(pass.log_px), kl, sums, out);
    out.terms.emplace_back("iwae", -n * sum_of(bound));
    out.total = weighted_sum(sums);
    out.terms.emplace_back("loss", sum_of(out.total));
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
