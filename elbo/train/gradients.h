// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/objectives/objective.h"

namespace elbo {

/// What a player's loss and its gradients came to, where the player is.
struct Gradients {
  Tensor numbers;  ///< [2 + names] f64: the gradient's norm, the loss, means of terms
  std::vector<std::string> names;  ///< of the terms
  std::vector<Tensor> of_params;   ///< like `params`; zero where the loss reaches none
};

std::vector<Tensor> clones(const std::vector<Tensor>& tensors);

/// Finds the loss and differentiates it for the player's own parameters, in which it leaves the
/// gradients. Nothing in it depends on a number it found, so that it can be recorded.
Gradients find_gradients(Player& player, std::vector<Tensor>& params, const Batch& batch, Rng& rng,
                         const Tensor& weights);

}  // namespace elbo
