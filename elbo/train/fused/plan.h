// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "elbo/models/vae.h"
#include "elbo/train/fused/latent.h"
#include "elbo/train/fused/observation.h"
#include "elbo/train/fused/sparse_input.h"

namespace elbo::fused {

/// The stages of one model, in the order in which they run forwards, with what flows between them:
///
///     input -> Dense .. Dense -> LatentStage -> Dense .. Dense -> Observation
class Plan {
 public:
  /// parts must be what why_not_planned finds no fault with.
  explicit Plan(const VaeParts& parts);

  /// Makes room for a batch, lays it out and draws its noise.
  void prepare(const Batch& batch, Rng& rng);
  /// After prepare.
  void forward(const Work& work);
  void backward(const Work& work);

  int64_t scratch() const;
  LatentStage& latent() { return *latent_; }
  Observation& observation() { return *observation_; }

 private:
  Parameter own_parameter(const Likelihood& likelihood);
  Signal& signal(int64_t width);
  Signal& add_chain(Signal& in, const std::vector<ChainLayer>& layers);

  std::vector<std::unique_ptr<Signal>> signals_;
  std::vector<std::unique_ptr<Stage>> stages_;
  Signal* input_ = nullptr;
  std::unique_ptr<SparseInput> sparse_;
  LatentStage* latent_ = nullptr;
  Observation* observation_ = nullptr;
  Tensor x_, seen_, mask_;  // the batch, element after element
  float fixed_own_ = 0;
  int64_t room_ = 0;  // rows
};

/// Why the kernels cannot run such a model; empty when they can.
std::string why_not_planned(const VaeParts& parts);

}  // namespace elbo::fused
