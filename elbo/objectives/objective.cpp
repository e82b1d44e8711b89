// SPDX-License-Identifier: Apache-2.0
#include "elbo/objectives/objective.h"

namespace elbo {

void ObjectiveOptions::fields(Fields& f) {
  f("bound", bound, "the bound of log p(x) that is maximised", bounds());
  f("beta", beta, "weight of the KL term (Higgins et al. 2017)", at_least(0));
  f("beta_schedule", beta_schedule, "factor of beta over the run", schedules());
  f("free_bits", free_bits,
    "nats of KL that cost nothing, for each latent dimension (Kingma et al. 2016, appendix C.8)",
    at_least(0));
}

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

/// -ELBO = -E_q log p(x|z) + beta KL(q(z|x) || p(z)); one draw of z.
class Elbo : public Bound {
 public:
  PassOptions pass_options() const override { return {}; }
  Loss loss(const Pass& pass, const Batch&, const LossWeights& weights) const override {
    Tensor recon = -pass.log_px.mean(0);
    Tensor total = recon.mean();
    Loss out;
    out.terms.emplace_back("recon", recon.detach());
    Tensor kl = at::zeros_like(out.terms[0].second);
    for (const Latent& latent : pass.latents) {
      if (!latent.kl.defined() && !latent.log_q.defined()) continue;  // no noise, no KL
      Tensor own = kl_of(latent);
      Tensor charged = kl_with_free_bits(latent, own, weights.free_bits);
      total = total + weights.beta.to(charged.scalar_type()) * charged;
      kl = kl + own.detach();
    }
    for (const auto& [name, term] : pass.terms) {
      total = total + term.mean();
      out.terms.emplace_back(name, term.detach());
    }
    out.terms.emplace_back("kl", kl);
    out.terms.emplace_back("neg_elbo", out.terms[0].second + kl);
    out.terms.emplace_back("loss", total.detach());
    out.total = total;
    return out;
  }
};

/// The model and its bound, the weights scheduled.
class ModelPlayer : public Player {
 public:
  ModelPlayer(const ObjectiveOptions& o, std::shared_ptr<Model> model)
      : model_(std::move(model)), bound_(bounds().make(o.bound)), weights_(o) {}
  std::string name() const override { return "model"; }
  torch::nn::Module& module() override { return *model_; }
  std::vector<double> weights(const Time& time) const override { return {weights_.at(time).beta}; }
  Loss loss(const Batch& batch, Rng& rng, const Tensor& weights) override {
    LossWeights now{weights[0], weights_.free_bits()};
    Loss out = bound_->loss(model_->pass(batch, rng, bound_->pass_options()), batch, now);
    out.terms.emplace_back("beta", now.beta);
    return out;
  }

 private:
  std::shared_ptr<Model> model_;
  std::unique_ptr<Bound> bound_;
  WeightSchedule weights_;
};

}  // namespace

WeightSchedule::WeightSchedule(const ObjectiveOptions& o)
    : beta_schedule_(schedules().make(o.beta_schedule)), beta_(o.beta), free_bits_(o.free_bits) {}

Tensor weights_at(const Player& player, const Time& time, at::Device device) {
  return at::tensor(player.weights(time), at::kDouble).to(device, /*non_blocking=*/true);
}

const Family<std::unique_ptr<Bound>>& bounds() {
  static const auto family = [] {
    Family<std::unique_ptr<Bound>> f("bound", "lower bounds of log p(x) to maximise");
    f.row<NoOptions>("elbo", "the evidence lower bound, its KL in closed form where there is one",
                     "Kingma & Welling 2014",
                     [](const NoOptions&) { return std::make_unique<Elbo>(); });
    return f;
  }();
  return family;
}

std::vector<std::unique_ptr<Player>> make_players(const ObjectiveOptions& options,
                                                  std::shared_ptr<Model> model) {
  std::vector<std::unique_ptr<Player>> players;
  players.push_back(std::make_unique<ModelPlayer>(options, std::move(model)));
  return players;
}

}  // namespace elbo
