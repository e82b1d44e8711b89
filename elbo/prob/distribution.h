// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <string>

#include "elbo/core/error.h"
#include "elbo/core/rng.h"
#include "elbo/tensor/torch.h"

namespace elbo {

/// A distribution over events of some shape, or a batch of them. A tensor of parameters has the
/// shape [batch..., event...]; densities are in nats.
class Distribution {
 public:
  virtual ~Distribution() = default;
  /// The name in messages and in the KL table: "diagonal normal".
  virtual std::string name() const = 0;
  /// n draws, [n, batch..., event...]; differentiable in the parameters where reparameterised() is
  /// true, without gradient otherwise.
  virtual Tensor sample(Rng& rng, int64_t n) const = 0;
  virtual bool reparameterised() const { return false; }
  /// The draws that standard normals noise [n, batch..., event...] make, of a distribution that
  /// sample() makes of such: differentiable in the parameters. Throws Error(Code::usage) for
  /// others.
  virtual Tensor sample_from(const Tensor& noise) const;
  /// log p(x), [.., batch...], summed over the event; x broadcasts against [batch..., event...].
  /// mask (of x's event shape, 1 = observed): elements that are 0 contribute nothing; undefined
  /// means all observed. Throws Error(Code::usage) when the distribution has no separable elements
  /// and a mask is given, or when it has no density (a point).
  virtual Tensor log_prob(const Tensor& x, const Tensor& mask = {}) const = 0;
  virtual Tensor mean() const = 0;  ///< [batch..., event...]
  /// The one x to go on from where a single one is wanted: the mean of numbers, the most probable
  /// of categories. [batch..., event...]
  virtual Tensor point() const { return mean(); }
  virtual Tensor variance() const = 0;  ///< [batch..., event...], of each element by itself
  /// [batch...], nats. Throws Error(Code::usage) where there is no closed form.
  virtual Tensor entropy() const;
};

}  // namespace elbo
