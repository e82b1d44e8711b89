// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/fused/chain.h"
#include "elbo/fused/latent.h"
#include "elbo/fused/observation.h"
#include "elbo/fused/sparse_input.h"
#include "elbo/models/vae.h"

namespace elbo::fused {

/// One training step of a flat VAE: its stages in the order in which they run forwards.
///
///     input -> encoder -> LatentStage -> decoder -> Observation
class Plan {
 public:
  /// parts must be what why_not_planned finds no fault with.
  Plan(const VaeParts& parts, Precision precision);

  /// Makes room for a batch, lays it out and draws its noise. Throws Error(Code::usage) where x,
  /// input or mask are of another size.
  void prepare(const Batch& batch, Rng& rng);
  /// After prepare.
  void forward(const Work& work);
  void backward(const Work& work);
  /// The step counts: running statistics follow it.
  void accept();

  int64_t scratch() const;
  /// Floating-point operations of the networks' products in the step that was made.
  double operations(int64_t rows) const;
  /// In the order in which they run forwards.
  const std::vector<Stage*>& stages() const { return stages_; }
  /// What stands before the stages: looks for the zeros of the batch, if any layer wants to know.
  void read_input(const Work& work) {
    if (encoder_.reads_zeros()) sparse_.read(work, input_.value);
  }
  LatentStage& latent() { return latent_; }
  Observation& observation() { return observation_; }

 private:
  Parameter own_parameter(const Likelihood& likelihood);

  float fixed_own_ = 0;  // the likelihood's own parameter, where it is no parameter of the model
  Signal input_, z_;
  SparseInput sparse_;
  Chain encoder_;
  LatentStage latent_;
  Chain decoder_;
  Observation observation_;
  std::vector<Stage*> stages_;
  Tensor x_, seen_, mask_;  // the batch, element after element
  int64_t room_ = 0;        // rows
};

/// t [rows, event...] element after element. Throws Error(Code::usage) if it has another size.
Tensor rows_of(const Tensor& t, int64_t rows, int64_t elements);

/// Why the kernels cannot run such a model; empty when they can.
std::string why_not_planned(const VaeParts& parts);

}  // namespace elbo::fused
