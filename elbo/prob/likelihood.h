// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "elbo/core/family.h"
#include "elbo/prob/distribution.h"
#include "elbo/prob/factor_analysis.h"
#include "elbo/tensor/schema.h"

namespace elbo {

/// A decoder network as a likelihood sees it.
struct Decoder {
  /// From z [.., Z] to parameters [.., P, event...]. `previous` [N, shown...] is what has been
  /// observed or generated so far, as Likelihood::shown puts it; only an autoregressive network is
  /// given it, and what it puts out for step t of the event's first dimension must depend on
  /// earlier steps alone.
  std::function<Tensor(const Tensor& z, const Tensor& previous)> forward;
  std::vector<int64_t> event_shape;  ///< of x
  bool is_autoregressive = false;
};

/// What an observation is: turns what a decoder puts out into a distribution over x.
///
/// Any likelihood becomes a sequence likelihood under an autoregressive decoder: the distribution
/// given() returns then teacher-forces in log_prob and generates step by step in sample, and
/// nothing above knows the difference.
class Likelihood : public torch::nn::Module {
 public:
  /// P: numbers the decoder puts out for each element of x.
  virtual int64_t params() const = 0;
  /// Throws Error(Code::data) naming value and place unless every observed x can be observed.
  /// x, mask: [B, event...], once for each batch of a data set.
  virtual void check_support(const Tensor& x, const Tensor& mask) const = 0;
  /// Whether log_prob is of a density over real x, whose value depends on the units of x and may
  /// exceed 1, and not of a probability.
  virtual bool is_density() const { return true; }
  /// x as networks are shown it, where that is not as it stands (categories as one-hot vectors):
  /// from [.., event...] to [.., shown_shape(event)...]. The first dimension of the event stays.
  virtual Tensor shown(const Tensor& x) const { return x; }
  virtual std::vector<int64_t> shown_shape(const std::vector<int64_t>& event) const {
    return event;
  }
  /// p(x | parameters [batch..., P, event...]).
  virtual std::unique_ptr<Distribution> distribution(const Tensor& parameters) const = 0;
  /// p(x | z). z [K, B, Z] or [B, Z]; the distribution's batch is z's without the last dimension.
  /// The distribution refers to this likelihood and must not outlive it.
  std::unique_ptr<Distribution> given(const Decoder& decoder, const Tensor& z) const;
  /// log p(x | z), [K, B], nats, for z [K, B, Z]; x and mask [B, event...]. By a kernel where
  /// kernels/likelihood.h has one and what it reads is in f32 on the CPU, else by given(). Where no
  /// gradient is wanted, what the decoder puts out is held for some thousand rows at a time.
  Tensor log_prob(const Decoder& decoder, const Tensor& z, const Tensor& x,
                  const Tensor& mask) const;
  /// The name under which kernels/likelihood.h has it; empty if it has not.
  virtual std::string kernel() const { return ""; }
  /// What its kernel takes, from what the decoder puts out: with a parameter of its own for each
  /// element where it has one.
  virtual Tensor complete(const Tensor& parameters) const { return parameters; }
  /// Its own parameter, a scalar, where it has one: LikelihoodRow::own.
  virtual Tensor own_parameter() const { return {}; }
  /// The bias [P, event...] with which a fresh decoder starts at the data's mean and variance, each
  /// [event...]; undefined when there is none.
  virtual Tensor output_bias(const Tensor& mean, const Tensor& variance) const = 0;
  /// The linear model that it makes of a linear decoder without hidden layers; none where it does
  /// not have normal noise around the decoder's output.
  virtual std::optional<FactorOptions> as_factor_analysis() const { return std::nullopt; }
  /// Starts at such noise, variances [event...], as far as it is its own to choose.
  virtual void set_noise(const Tensor& /*variance*/) {}
};

/// The smallest standard deviation under the gaussian likelihood: with it a perfect reconstruction
/// has a finite density.
inline constexpr double kGaussianScaleFloor = 1e-3;

/// Made for a data set: its schema says the event's shape.
const Family<std::shared_ptr<Likelihood>, const Schema&>& likelihoods();

}  // namespace elbo
