// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "elbo/fused/stage.h"
#include "elbo/kernels/likelihood.h"

namespace elbo::fused {

/// log p(x|z) of each example and its gradient with respect to what the decoder has put out.
class Observation : public Stage {
 public:
  /// own: the likelihood's own parameter, with a null gradient where it is fixed, a null value
  /// where there is none.
  Observation(const LikelihoodKernels& kernels, Signal& parameters, int64_t elements,
              Parameter own);
  std::string name() const override { return "likelihood"; }
  void reserve(int64_t rows) override;
  /// x [rows, elements]; mask likewise, or null.
  void observe(const float* x, const float* mask) { x_ = x, mask_ = mask; }
  void forward(const Work& work) override;
  void backward(const Work& work) override;
  /// The mean of -log p(x|z) over the batch, nats; after forward().
  double reconstruction(int64_t rows) const;

 private:
  const LikelihoodKernels& kernels_;
  Signal& parameters_;
  int64_t elements_;
  Parameter own_;
  const float *x_ = nullptr, *mask_ = nullptr;
  std::vector<double> log_px_, own_gradient_;  // [rows]
};

}  // namespace elbo::fused
