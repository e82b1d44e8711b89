// SPDX-License-Identifier: Apache-2.0
#include <cmath>

#include "elbo/tensor/mixed_precision.h"
#include "elbo/train/engine.h"
#include "elbo/train/recorded_steps.h"

namespace elbo {
namespace {

/// A player with its optimizer and the parameters it moves.
struct Seat {
  std::unique_ptr<Player> player;
  std::vector<Tensor> params;
  std::unique_ptr<Optimizer> optimizer;
  std::unique_ptr<RecordedSteps> recorded;  // null where nothing is replayed
  std::vector<Tensor> buffers;              // as the step found them

  /// Before any player's loss, which may move the buffers of others too.
  void keep_buffers() {
    if (!recorded) buffers = clones(player->module().buffers());
  }
  /// A recorded step has moved the weights as well.
  Gradients find(const Batch& batch, const Rng& rng, const Time& time, double lr) {
    Tensor weights = weights_at(*player, time, params.at(0).device());
    Rng own = rng.stream(player->name());
    if (recorded) {
      const RecordedSteps::Found& found = recorded->step(batch, own, weights, lr);
      buffers = found.buffers;
      return found;
    }
    return find_gradients(*player, params, batch, own, weights);
  }
  void restore_buffers() const {
    at::NoGradGuard no_grad;
    std::vector<Tensor> moved = player->module().buffers();
    for (size_t i = 0; i < moved.size(); ++i) moved[i].copy_(buffers[i]);
  }
};

class AutogradEngine : public Engine {
 public:
  AutogradEngine(std::vector<std::unique_ptr<Player>> players, const EngineOptions& options,
                 RecordGraph record)
      : clip_(options.clip), is_mixed_(options.precision == Precision::bf16) {
    // A recorded step moves the weights before the next player's loss could be taken.
    ELBO_CHECK(!record || players.size() == 1, Code::failure,
               "steps of {} players are not recorded", players.size());
    for (auto& player : players) {
      Seat seat{std::move(player), {}, nullptr, nullptr, {}};
      seat.params = seat.player->module().parameters();
      seat.optimizer = optimizers().make(options.optimizer, seat.params);
      seats_.push_back(std::move(seat));
    }
    Seat& first = seats_.at(0);
    at::Device device = first.params.at(0).device();
    if (!record && why_not_replayed(seats_.size(), device).empty()) record = record_on(device);
    if (record) {
      first.recorded = std::make_unique<RecordedSteps>(*first.player, first.params,
                                                       *first.optimizer, clip_, std::move(record));
    }
  }

  std::string name() const override { return "autograd"; }
  const StepResult& step(const Batch& batch, Rng& rng, const Time& time, double lr) override {
    StepResult& out = result_;
    out = {};
    MixedPrecision guard(is_mixed_);
    for (Seat& seat : seats_) seat.keep_buffers();
    for (Seat& seat : seats_) {
      Gradients found = seat.find(batch, rng, time, lr);
      Tensor numbers = found.numbers.to(at::kCPU);  // waits for the device, once a step
      const double* n = numbers.data_ptr<double>();
      double norm = n[0], loss = n[1];
      if (&seat == &seats_.front()) out.gradient_norm = norm;
      out.names.insert(out.names.end(), found.names.begin(), found.names.end());
      out.means.insert(out.means.end(), n + 2, n + numbers.numel());
      // The loss is looked at as well: an infinite loss can have a finite gradient.
      if (!std::isfinite(norm) || !std::isfinite(loss)) {
        out.finite = false;
        out.broken = where_broken(seat.player->name(), seat.player->module());
        // Losses have moved running statistics before this one was found to be bad.
        for (const Seat& any : seats_) any.restore_buffers();
        return out;
      }
      if (seat.recorded) continue;
      if (clip_ > 0 && norm > clip_) scale_gradients(seat.params, clip_ / norm);
    }
    for (Seat& seat : seats_) {
      if (!seat.recorded) seat.optimizer->step(lr);
    }
    tell_of_graphs();
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
  static void scale_gradients(const std::vector<Tensor>& params, double factor) {
    for (const Tensor& p : params) p.grad().mul_(factor);
  }
  void tell_of_graphs() {
    const RecordedSteps* recorded = seats_.front().recorded.get();
    if (!recorded || recorded->why_not().empty() || has_told_) return;
    has_told_ = true;
    result_.note = "steps are not replayed from a graph: " + recorded->why_not();
  }

  std::vector<Seat> seats_;
  double clip_;
  bool is_mixed_, has_told_ = false;
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
                                             const EngineOptions& options, RecordGraph record) {
  return std::make_unique<AutogradEngine>(std::move(players), options, std::move(record));
}

std::string why_not_replayed(size_t players, at::Device device) {
  if (players > 1) return fmt::format("{} players learn together", players);
  if (can_record_on(device)) return "";
  return "this LibTorch records no graphs on " + c10::DeviceTypeName(device.type(), true);
}

}  // namespace elbo
