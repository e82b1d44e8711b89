// SPDX-License-Identifier: Apache-2.0
#include <ATen/Parallel.h>

#include <cmath>

#include "elbo/core/error.h"
#include "elbo/fused/plan.h"
#include "elbo/kernels/peak.h"
#include "elbo/train/engine.h"

namespace elbo {
namespace {

using fused::Plan;
using fused::Work;

class FusedEngine : public Engine {
 public:
  FusedEngine(const ObjectiveOptions& objective, std::shared_ptr<Model> model,
              const EngineOptions& options)
      : model_(std::move(model)),
        weights_(objective),
        clip_(options.clip),
        params_(model_->parameters()),
        optimizer_(optimizers().make(options.optimizer, params_)),
        plan_(*vae_parts(*model_), options.precision),
        precision_(options.precision),
        team_(at::get_num_threads()) {
    for (const Tensor& p : params_) {
      constexpr int64_t kPiece = 16384;
      float* g = p.grad().data_ptr<float>();
      for (int64_t at = 0; at < p.numel(); at += kPiece) {
        gradients_.push_back({g + at, std::min(kPiece, p.numel() - at)});
      }
    }
    squares_.resize(gradients_.size());
    result_.names = {"recon", "kl", "neg_elbo", "loss", "beta"};
    result_.means.resize(result_.names.size());
  }

  std::string name() const override { return "fused"; }
  ShareLoop share() override {
    return [this](int64_t turns, const std::function<void(int64_t)>& turn) {
      team_.each(turns, [&](int, int64_t i) { turn(i); });
    };
  }

  const StepResult& step(const Batch& batch, Rng& rng, const Time& time, double lr) override {
    Rng own = rng.stream("model");
    plan_.prepare(batch, own);
    if (scratch_.empty() || scratch_[0].size() < plan_.scratch()) {
      scratch_.clear();
      for (int i = 0; i < team_.size(); ++i) scratch_.emplace_back(plan_.scratch());
    }
    Work work{team_, batch.size(), scratch_};
    plan_.forward(work);
    find_loss(weights_.at(time), batch.size());
    plan_.backward(work);
    find_norm();
    result_.operations = plan_.operations(batch.size());
    result_.finite = std::isfinite(result_.gradient_norm) && std::isfinite(loss_);
    if (result_.finite) {
      plan_.accept();
      move(lr);
    } else {
      result_.broken = where_broken("model", *model_);
    }
    return result_;
  }

  double peak() override {
    if (peak_ == 0) peak_ = measure_peak(team_, precision_);
    return peak_;
  }

  NamedTensors state() const override {
    NamedTensors out;
    for (auto& [name, tensor] : optimizer_->state()) {
      out.emplace_back("model.optimizer." + name, tensor);
    }
    return out;
  }

 private:
  void find_loss(const BoundWeights& weights, int64_t rows) {
    double recon = plan_.observation().reconstruction(rows);
    double weighted = plan_.latent().weigh(weights, rows), kl = plan_.latent().kl();
    loss_ = recon + weighted;
    result_.means.assign({recon, kl, recon + kl, loss_, weights.beta});
  }

  void find_norm() {
    team_.each(static_cast<int64_t>(gradients_.size()), [&](int, int64_t i) {
      const auto& [g, n] = gradients_[static_cast<size_t>(i)];
      squares_[static_cast<size_t>(i)] = activations_.square_sum(g, n, 1, n);
    });
    double sum = 0;
    for (double s : squares_) sum += s;
    result_.gradient_norm = std::sqrt(sum);
  }

  void move(double lr) {
    bool is_long = clip_ > 0 && result_.gradient_norm > clip_;
    optimizer_->begin(lr, is_long ? clip_ / result_.gradient_norm : 1);
    team_.each(optimizer_->pieces(), [&](int, int64_t i) { optimizer_->update(i); });
  }

  std::shared_ptr<Model> model_;
  WeightSchedule weights_;
  double clip_, loss_ = 0, peak_ = 0;
  std::vector<Tensor> params_;
  std::unique_ptr<Optimizer> optimizer_;
  Plan plan_;
  Precision precision_;
  Team team_;
  const ActivationKernels& activations_ = activation_kernels(isa());
  std::vector<Buffer> scratch_;                        // one for each member
  std::vector<std::pair<float*, int64_t>> gradients_;  // in pieces
  std::vector<double> squares_;                        // of each piece
  StepResult result_;
};

}  // namespace

std::string why_not_fused(const ObjectiveOptions& objective, const Model& model) {
  if (objective.bound.type != "elbo") return "no kernel for bound " + objective.bound.type;
  std::optional<VaeParts> parts = vae_parts(model);
  return parts ? fused::why_not_planned(*parts) : "the model is not a flat VAE";
}

std::unique_ptr<Engine> make_fused_engine(const ObjectiveOptions& objective,
                                          std::shared_ptr<Model> model,
                                          const EngineOptions& options) {
  return std::make_unique<FusedEngine>(objective, std::move(model), options);
}

std::string engine_for(const std::string& asked, const ObjectiveOptions& objective,
                       const Model& model) {
  if (asked == "autograd") return asked;
  std::string why_not = why_not_fused(objective, model);
  if (why_not.empty()) return "fused";
  ELBO_CHECK(asked == "auto", Code::usage,
             "train.engine: the fused engine cannot train this: {}\nUse auto or autograd.",
             why_not);
  return "autograd";
}

Precision precision_for(const std::string& asked, const std::string& engine) {
  bool pays = engine == "fused" && isa() == Isa::amx;
  return asked == "bf16" || (asked == "auto" && pays) ? Precision::bf16 : Precision::f32;
}

std::unique_ptr<Engine> make_engine(const std::string& asked, const ObjectiveOptions& objective,
                                    std::shared_ptr<Model> model, const EngineOptions& options) {
  if (engine_for(asked, objective, *model) == "fused") {
    return make_fused_engine(objective, std::move(model), options);
  }
  return make_autograd_engine(make_players(objective, std::move(model)), options);
}

}  // namespace elbo
