// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "elbo/fused/stage.h"
#include "elbo/kernels/posterior.h"
#include "elbo/objectives/objective.h"

namespace elbo::fused {

/// Draws z from q(z|x), whose parameters the encoder has put out, and finds the KL from N(0, I).
class LatentStage : public Stage {
 public:
  LatentStage(const PosteriorKernels& kernels, Signal& parameters, Signal& z);
  std::string name() const override { return "posterior"; }
  void reserve(int64_t rows) override;
  void draw(Rng& rng, int64_t rows) override;
  void forward(const Work& work) override;
  void backward(const Work& work) override;

  /// Between forward and backward: decides what each group's KL weighs, free bits
  /// counted in, and says what the weighted sum is. Nats, means over the batch.
  double weigh(const BoundWeights& weights, int64_t rows);
  /// The mean KL of the batch, after weigh(), nats.
  double kl() const { return kl_; }

 private:
  const PosteriorKernels& kernels_;
  Signal &parameters_, &z_;
  int64_t groups_;
  double kl_ = 0;
  Buffer noise_;               // [rows, Z]
  Buffer group_kl_;            // [rows, groups]
  std::vector<float> weight_;  // [groups] of d loss / d kl of one example
};

}  // namespace elbo::fused
