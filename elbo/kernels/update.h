// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "elbo/core/cpu.h"

namespace elbo {

/// Weights of one optimizer step; each kernel reads what its formula names.
struct UpdateStep {
  float lr = 0, scale = 1;  ///< scale: of the gradient, for clipping
  float momentum = 0, weight_decay = 0;
  float beta1 = 0, beta2 = 0, eps = 0;
  float rest1 = 1, rest2 = 1;  ///< 1 - beta, which is not that of a beta near 1 once rounded
  float correction1 = 1, correction2 = 1;  ///< 1 - beta^t
  bool nesterov = false, decoupled = false;
};

/// Updates of n weights w by gradients g, in place, one pass over memory.
struct UpdateKernels {
  /// g <- scale g + weight_decay w; m <- momentum m + g; w <- w - lr (nesterov ? g + momentum m :
  /// m). m may be null when momentum is 0.
  void (*sgd)(const UpdateStep& s, float* w, const float* g, float* m, int64_t n);
  /// v <- beta2 v + (1 - beta2) g^2; u = g / (sqrt(v) + eps); m <- momentum m + u;
  /// w <- w - lr m (lr u when momentum is 0).
  void (*rmsprop)(const UpdateStep& s, float* w, const float* g, float* v, float* m, int64_t n);
  /// m <- beta1 m + (1 - beta1) g; v <- beta2 v + (1 - beta2) g^2;
  /// w <- w - lr m / correction1 / (sqrt(v / correction2) + eps), after g <- g + weight_decay w, or
  /// w <- (1 - lr weight_decay) w when decoupled. Kingma & Ba 2015; Loshchilov & Hutter 2019.
  void (*adam)(const UpdateStep& s, float* w, const float* g, float* m, float* v, int64_t n);
  /// m <- m + share (w - m).
  void (*average)(float share, float* m, const float* w, int64_t n);
};

const UpdateKernels& update_kernels(Isa isa);

}  // namespace elbo
