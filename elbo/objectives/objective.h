// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "elbo/objectives/bound.h"
#include "elbo/objectives/schedule.h"

namespace elbo {

/// Someone who learns: parameters and a loss of their own, and an optimizer of its own in the
/// engine. The first is the model under its objective; critics follow. A loss may read another
/// player's module, through which gradients flow, but only its own parameters are moved by it.
/// name() is unique among the players, names its random stream and its tensors in a checkpoint.
class Player {
 public:
  virtual ~Player() = default;
  virtual std::string name() const = 0;
  virtual torch::nn::Module& module() = 0;
  virtual Loss loss(const Batch& batch, Rng& rng, const Time& time) = 0;
};

/// What is maximised.
struct ObjectiveOptions {
  Part bound = "elbo";
  double beta = 1;
  Part beta_schedule = "constant";
  double free_bits = 0;
  void fields(Fields& f);
};

/// The draws K that the bound takes of each example.
int64_t bound_samples(const ObjectiveOptions& options);

/// The players of an objective on a model, the model first. Throws Error(Code::usage) for options
/// that do not go together.
std::vector<std::unique_ptr<Player>> make_players(const ObjectiveOptions& options,
                                                  std::shared_ptr<Model> model);

}  // namespace elbo
