// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "elbo/models/model.h"
#include "elbo/train/engine.h"

namespace elbo {

/// How far two engines are apart after one step on the same batch and the same noise.
struct EngineDifference {
  double term = 0;      ///< largest difference of a term, as a share of the largest term
  double gradient = 0;  ///< largest norm of a parameter's difference, as a share of the gradient's
  std::string where;    ///< the parameter
  /// In f32, what is left when sums are taken in another order; in bf16, what its roundings of
  /// 2^-9 come to over some layers.
  static double allowed(Precision precision) { return precision == Precision::bf16 ? 0.03 : 1e-5; }
  bool agrees(Precision precision = Precision::f32) const {
    return term <= allowed(precision) && gradient <= allowed(precision);
  }
};

/// Makes one step at learning rate 0 with each engine; clipping must be off. The models must hold
/// the same weights. Throws Error(Code::diverged) where a step is not finite.
EngineDifference difference(Engine& a, const Model& model_a, Engine& b, const Model& model_b,
                            const Batch& batch, const Rng& rng, const Time& time);

/// Compares the fused engine with autograd in f32 on copies of a model, and says how far they are
/// apart. A sum within rounding of a kink of its activation may fail one batch, hardly all: three
/// are tried. Throws Error(Code::failure) unless the engines agree, and as difference() does.
std::string check_engines(const ObjectiveOptions& objective, const EngineOptions& options,
                          const std::function<std::shared_ptr<Model>()>& copy,
                          const std::function<Batch(int64_t number)>& batch, const Rng& rng);

}  // namespace elbo
