// SPDX-License-Identifier: Apache-2.0
#include <cmath>
#include <optional>

#include "elbo/train/engine.h"

namespace elbo {
namespace {

/// A player with its optimizer and the parameters it moves.
struct Seat {
  std::unique_ptr<Player> player;
  std::vector<Tensor> params;
  std::unique_ptr<Optimizer> optimizer;
};

class AutogradEngine : public Engine {
 public:
  AutogradEngine(std::vector<std::unique_ptr<Player>> players, const EngineOptions& options)
      : clip_(options.clip) {
    for (auto& player : players) {
      Seat seat{std::move(player), {}, nullptr};
      seat.params = seat.player->module().parameters();
      seat.optimizer = optimizers().make(options.optimizer, seat.params);
      seats_.push_back(std::move(seat));
    }
  }

  std::string name() const override { return "autograd"; }
  const StepResult& step(const Batch& batch, Rng& rng, const Time& time, double lr) override {
    StepResult& out = result_;
    out = {};
    std::vector<Tensor> means;
    for (Seat& seat : seats_) {
      Rng own = rng.stream(seat.player->name());
      std::vector<Tensor> buffers = seat.player->module().buffers();
      std::vector<Tensor> kept = clones(buffers);
      Loss loss = seat.player->loss(batch, own, time);
      for (Tensor& p : seat.params) p.mutable_grad().reset();
      loss.total.backward({}, std::nullopt, false, seat.params);
      double norm = gradient_norm(seat.params);
      if (&seat == &seats_.front()) out.gradient_norm = norm;
      for (auto& [term_name, term] : loss.terms) {
        out.names.push_back(term_name);
        means.push_back(term.mean(at::kDouble));
      }
      // The loss is looked at as well: an infinite loss can have a finite gradient.
      if (!std::isfinite(norm) || !std::isfinite(loss.total.item<double>())) {
        out.finite = false;
        out.broken = where_broken(seat.player->name(), seat.player->module());
        restore(buffers, kept);
        return out;
      }
      if (clip_ > 0 && norm > clip_) scale_gradients(seat.params, clip_ / norm);
    }
    for (Seat& seat : seats_) seat.optimizer->step(lr);
    out.means = means.empty() ? at::zeros({0}, at::kDouble) : at::stack(means);
    return out;
  }

  NamedTensors state() const override {
    NamedTensors out;
    for (size_t i = 0; i < seats_.size(); ++i) {
      std::string prefix = seats_[i].player->name() + ".";
      for (auto& [name, tensor] : seats_[i].optimizer->state()) {
        out.emplace_back(prefix + "optimizer." + name, tensor);
      }
      if (i == 0) continue;  // the model's weights are saved as the model
      for (auto& [name, tensor] : state_of(seats_[i].player->module())) {
        out.emplace_back(prefix + "weights." + name, tensor);
      }
    }
    return out;
  }

 private:
  /// Gives every parameter that the loss did not reach a gradient of zero.
  static double gradient_norm(std::vector<Tensor>& params) {
    std::vector<Tensor> grads;
    for (Tensor& p : params) {
      if (!p.grad().defined()) p.mutable_grad() = at::zeros_like(p);
      grads.push_back(p.grad());
    }
    // In f32 LibTorch's sum of squares is off by a thousandth for some millions of elements.
    return at::stack(at::_foreach_norm(grads, 2, at::kDouble)).norm().item<double>();
  }
  static std::vector<Tensor> clones(const std::vector<Tensor>& tensors) {
    std::vector<Tensor> out;
    for (const Tensor& t : tensors) out.push_back(t.clone());
    return out;
  }
  /// The forward pass of a bad step has moved running statistics before it was found to be bad.
  static void restore(const std::vector<Tensor>& tensors, const std::vector<Tensor>& from) {
    at::NoGradGuard no_grad;
    for (size_t i = 0; i < tensors.size(); ++i) tensors[i].copy_(from[i]);
  }
  static void scale_gradients(const std::vector<Tensor>& params, double factor) {
    for (const Tensor& p : params) p.grad().mul_(factor);
  }
  std::vector<Seat> seats_;
  double clip_;
  StepResult result_;
};

}  // namespace

std::string where_broken(const std::string& player, const torch::nn::Module& module) {
  for (const char* what : {"weight", "gradient"}) {
    for (const auto& item : module.named_parameters()) {
      Tensor t = what[0] == 'w' ? item.value() : item.value().grad();
      if (!t.isfinite().all().item<bool>()) {
        return fmt::format("the {} of {} {}", what, player, item.key());
      }
    }
  }
  return "the loss of the " + player;
}

std::unique_ptr<Engine> make_autograd_engine(std::vector<std::unique_ptr<Player>> players,
                                             const EngineOptions& options) {
  return std::make_unique<AutogradEngine>(std::move(players), options);
}

}  // namespace elbo
