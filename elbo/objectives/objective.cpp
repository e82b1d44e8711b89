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

/// The model and its bound, the weights scheduled.
class ModelPlayer : public Player {
 public:
  ModelPlayer(const ObjectiveOptions& o, std::shared_ptr<Model> model)
      : model_(std::move(model)),
        bound_(bounds().make(o.bound)),
        beta_(o.beta),
        free_bits_(o.free_bits),
        beta_schedule_(schedules().make(o.beta_schedule)) {
    ELBO_CHECK(model_->is_variational() || !bound_->pass_options().densities, Code::usage,
               "objective.bound: {} needs the density of q(z|x), and a plain autoencoder has none\n"
               "Use elbo, or train with model.posterior=diagonal.",
               o.bound.type);
    ELBO_CHECK(free_bits_ == 0 || bound_->has_kl(), Code::usage,
               "objective.free_bits: the bound {} has no KL term that could cost nothing\nSet "
               "objective.free_bits = 0, or use the bound elbo.",
               o.bound.type);
  }
  std::string name() const override { return "model"; }
  torch::nn::Module& module() override { return *model_; }
  Loss loss(const Batch& batch, Rng& rng, const Time& time) override {
    LossWeights weights{beta_ * beta_schedule_(time), free_bits_};
    Loss out = bound_->loss(model_->pass(batch, rng, bound_->pass_options()), weights);
    out.terms.emplace_back("beta", weights.beta);
    return out;
  }

 private:
  std::shared_ptr<Model> model_;
  std::unique_ptr<Bound> bound_;
  double beta_, free_bits_;
  Schedule beta_schedule_;
};

}  // namespace

int64_t bound_samples(const ObjectiveOptions& options) {
  return bounds().make(options.bound)->pass_options().samples;
}

std::vector<std::unique_ptr<Player>> make_players(const ObjectiveOptions& options,
                                                  std::shared_ptr<Model> model) {
  std::vector<std::unique_ptr<Player>> players;
  players.push_back(std::make_unique<ModelPlayer>(options, std::move(model)));
  return players;
}

}  // namespace elbo
