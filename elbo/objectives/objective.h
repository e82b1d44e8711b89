// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "elbo/models/model.h"
#include "elbo/objectives/schedule.h"

namespace elbo {

/// A loss and what it is made of.
struct Loss {
  Tensor total;  ///< scalar: the mean over the batch of sums over an example's elements, nats
  std::vector<std::pair<std::string, Tensor>> terms;  ///< [B] or scalar, without gradient, nats
};

/// Someone who learns: parameters and a loss of their own, and an optimizer of its own in the
/// engine. The first is the model under its objective; critics follow. A loss may read another
/// player's module, through which gradients flow, but only its own parameters are moved by it.
/// name() is unique among the players, names its random stream and its tensors in a checkpoint.
///
/// Where it can, a loss reads nothing but tensors and draws through tensor/random.h alone: then a
/// graph of it can be recorded on an accelerator and replayed at later steps. What changes with
/// time it is therefore given as a tensor.
class Player {
 public:
  virtual ~Player() = default;
  virtual std::string name() const = 0;
  virtual torch::nn::Module& module() = 0;
  /// The numbers in force at one moment, by which alone the loss depends on the time.
  virtual std::vector<double> weights(const Time& /*time*/) const { return {}; }
  /// weights: those numbers, [n] f64 on the batch's device.
  virtual Loss loss(const Batch& batch, Rng& rng, const Tensor& weights) = 0;
};

/// What a player's loss is given as its weights at that time.
Tensor weights_at(const Player& player, const Time& time, at::Device device = at::kCPU);

/// What is maximised.
struct ObjectiveOptions {
  Part bound = "elbo";
  double beta = 1;
  Part beta_schedule = "constant";
  double free_bits = 0;
  void fields(Fields& f);
};

/// Weights in force at one moment.
struct BoundWeights {
  double beta = 1;       ///< of the KL
  double free_bits = 0;  ///< nats of KL for each latent dimension that cost nothing
};

/// Which weights are in force when.
class WeightSchedule {
 public:
  explicit WeightSchedule(const ObjectiveOptions& options);
  BoundWeights at(const Time& time) const { return {beta_ * beta_schedule_(time), free_bits_}; }
  double free_bits() const { return free_bits_; }

 private:
  Schedule beta_schedule_;
  double beta_, free_bits_;
};

/// The same as a loss is given them: what changes with time is a 0-dim tensor.
struct LossWeights {
  Tensor beta;
  double free_bits = 0;
};

/// A lower bound of log p(x), as a loss.
class Bound {
 public:
  virtual ~Bound() = default;
  virtual PassOptions pass_options() const = 0;
  virtual Loss loss(const Pass& pass, const Batch& batch, const LossWeights& weights) const = 0;
};

/// elbo.
const Family<std::unique_ptr<Bound>>& bounds();

/// The players of an objective on a model, the model first.
std::vector<std::unique_ptr<Player>> make_players(const ObjectiveOptions& options,
                                                  std::shared_ptr<Model> model);

}  // namespace elbo
