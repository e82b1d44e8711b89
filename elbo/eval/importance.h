// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/models/model.h"

namespace elbo {

/// Importance weights w_k of some examples, k arriving a chunk at a time: what is kept is
/// max_k log w_k and, relative to it, sum_k w_k and sum_k w_k^2, all in float64.
class LogWeights {
 public:
  /// log_w [k, B], nats: k further weights for each of B examples.
  void add(const Tensor& log_w);
  /// log (1/K sum_k w_k), [B] f64: with w_k = p(x, z_k) / q(z_k|x) the summand of L_K.
  Tensor log_mean() const;
  /// (sum_k w_k)^2 / sum_k w_k^2, [B] f64, in [1, K] (Kong 1992); 0 where all w_k are.
  Tensor effective_samples() const;
  int64_t samples() const { return samples_; }

 private:
  int64_t samples_ = 0;
  Tensor max_, sum_, sum_of_squares_;  // [B] f64
};

/// log w_k = log p(x|z_k) + log p(z_k) - log q(z_k|x), summed over groups of latents. [K, B] f64.
/// The pass must have its densities.
Tensor log_weights(const Pass& pass);

/// K weights for each example, z drawn from the model's posterior. At most max(B, max_rows) rows
/// (draws times examples) are drawn at a time; the encoder runs for each such chunk.
/// Call it with autograd off.
LogWeights importance_weights(Model& model, const Batch& batch, Rng& rng, int64_t samples,
                              int64_t max_rows);

}  // namespace elbo
