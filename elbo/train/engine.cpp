// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/engine.h"

#include <torch/csrc/autograd/autograd.h>

#include <cmath>

#include "elbo/sequential/kernel_network.h"
#include "elbo/tensor/mixed_precision.h"
#include "elbo/tensor/weighted_sum.h"

namespace elbo {

/// A player with its optimizer and the parameters it moves.
struct Engine::Seat {
  std::unique_ptr<Player> player;
  std::vector<Tensor> params;
  std::vector<Tensor> buffers, kept;  // the module's, and as the step found them
  std::unique_ptr<Optimizer> optimizer;
  std::vector<std::string> names;  // of its terms
  std::vector<double> means;       // of its terms
  double loss = 0, norm = 0;

  /// Adds share times the loss's gradient to the parameters'; those it does not reach keep theirs.
  void find_gradients(const Tensor& total, double share) {
    Tensor one = at::full_like(total, share);
    std::vector<Tensor> found =
        torch::autograd::grad({total}, params, {one}, /*retain_graph=*/false,
                              /*create_graph=*/false, /*allow_unused=*/true);
    for (size_t i = 0; i < params.size(); ++i) {
      Tensor& grad = params[i].mutable_grad();
      if (!found[i].defined()) continue;
      grad = grad.defined() ? grad + found[i] : std::move(found[i]);
    }
  }
};

namespace {

/// The first parameter of a player that is not finite or has such a gradient, in words.
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

}  // namespace

Engine::Engine(std::vector<std::unique_ptr<Player>> players, const EngineOptions& options)
    : clip_(options.clip), is_mixed_(options.precision == Precision::bf16) {
  for (auto& player : players) {
    Seat seat;
    seat.player = std::move(player);
    seat.params = seat.player->module().parameters();
    seat.buffers = seat.player->module().buffers();
    seat.optimizer = optimizers().make(options.optimizer, seat.params);
    seats_.push_back(std::move(seat));
  }
}

Engine::~Engine() = default;

const StepResult& Engine::step(const Batch& batch, Rng& rng, const Time& time, double lr,
                               const Moved& moved) {
  find(batch, rng, time);
  reduce();
  apply(lr, moved);
  return result_;
}

void Engine::find(const Batch& batch, const Rng& rng, const Time& time, double share) {
  double before = sequential::operations_done();
  if (is_fresh_) {
    result_ = {};
    for (Seat& seat : seats_) {
      for (Tensor& p : seat.params) p.mutable_grad().reset();
      seat.kept.clear();
      for (const Tensor& b : seat.buffers) seat.kept.push_back(b.clone());
      seat.names.clear(), seat.means.clear();
      seat.loss = 0;
    }
  }
  MixedPrecision guard(is_mixed_);
  for (Seat& seat : seats_) {
    Rng own = rng.stream(seat.player->name());
    Loss loss = seat.player->loss(batch, own, time);
    seat.find_gradients(loss.total, share);
    seat.loss += share * sum_of(loss.total);
    seat.means.resize(loss.terms.size());
    seat.names.resize(loss.terms.size());
    for (size_t i = 0; i < loss.terms.size(); ++i) {
      seat.names[i] = loss.terms[i].first;
      seat.means[i] += share * loss.terms[i].second;
    }
  }
  is_fresh_ = false;
  result_.operations += sequential::operations_done() - before;
}

const StepResult& Engine::reduce() {
  for (Seat& seat : seats_) {
    seat.norm = seat.optimizer->gradient_norm();
    result_.names.insert(result_.names.end(), seat.names.begin(), seat.names.end());
    result_.means.insert(result_.means.end(), seat.means.begin(), seat.means.end());
    // The loss is looked at as well: an infinite loss can have a finite gradient.
    if (std::isfinite(seat.norm) && std::isfinite(seat.loss)) continue;
    if (result_.finite) result_.broken = where_broken(seat.player->name(), seat.player->module());
    result_.finite = false;
  }
  result_.gradient_norm = seats_.front().norm;
  return result_;
}

void Engine::apply(double lr, const Moved& moved) {
  is_fresh_ = true;
  if (!result_.finite) {
    at::NoGradGuard no_grad;
    for (Seat& seat : seats_) {
      for (size_t i = 0; i < seat.buffers.size(); ++i) seat.buffers[i].copy_(seat.kept[i]);
    }
    return;
  }
  for (Seat& seat : seats_) {
    bool is_long = clip_ > 0 && seat.norm > clip_;
    bool is_model = &seat == &seats_.front();
    seat.optimizer->step(lr, is_long ? clip_ / seat.norm : 1, is_model ? moved : Moved());
  }
}

NamedTensors Engine::state() const {
  NamedTensors out;
  for (const Seat& seat : seats_) {
    std::string prefix = seat.player->name() + ".";
    for (auto& [name, tensor] : seat.optimizer->state()) {
      out.emplace_back(prefix + "optimizer." + name, tensor);
    }
    if (&seat == &seats_.front()) continue;  // the model's weights are saved as the model
    for (auto& [name, tensor] : state_of(seat.player->module())) {
      out.emplace_back(prefix + "weights." + name, tensor);
    }
  }
  return out;
}

Precision precision_for(const std::string& asked) {
  bool pays = isa() == Isa::amx;
  return asked == "bf16" || (asked == "auto" && pays) ? Precision::bf16 : Precision::f32;
}

}  // namespace elbo
