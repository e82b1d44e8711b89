// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "elbo/core/family.h"
#include "elbo/prob/distribution.h"
#include "elbo/tensor/random.h"

namespace elbo {

/// Draws from q(z|x), and what is known with them.
struct PosteriorDraws {
  Tensor z;  ///< [K, B, Z]
  /// Finds [K, B] log q(z|x), nats: the parameters' gradient reaches it through z as well. Throws
  /// Error(Code::usage) where q has no density.
  std::function<Tensor()> log_q;
  /// KL(q || N(0, I)), nats: [B, Z] of each dimension where it separates, [B, 1] where not;
  /// undefined where there is none.
  Tensor kl_normal;
};

/// Turns what an encoder puts out into q(z|x).
class Posterior : public torch::nn::Module {
 public:
  /// Numbers the encoder puts out for each example.
  virtual int64_t params() const = 0;
  /// q(z|x) from parameters [B, params()]: a batch [B] of distributions over [Z].
  virtual std::unique_ptr<Distribution> given(const Tensor& parameters) const = 0;
  /// Parameters [.., params()] of independent dimensions with this mean and log variance [.., Z].
  virtual Tensor parameters(const Tensor& mean, const Tensor& log_var) const = 0;
  /// k draws of each. By a kernel where kernels/posterior.h has one and parameters are in f32 on
  /// the CPU, else by LibTorch's operators; the same noise serves both. noise: of the B rows.
  PosteriorDraws draw(const Tensor& parameters, RowNoise& noise, int64_t k) const;

  explicit Posterior(int64_t latent) : latent_(latent) {}

 protected:
  /// The name under which kernels/posterior.h has it; empty if it has not.
  virtual std::string kernel() const { return ""; }

  int64_t latent_;
};

/// Made for a number of latent dimensions Z.
const Family<std::shared_ptr<Posterior>, int64_t>& posteriors();

}  // namespace elbo
