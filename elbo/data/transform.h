// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "elbo/core/family.h"
#include "elbo/data/dataset.h"

namespace elbo {

/// Where transforms take their randomness from. Draws are keyed by an example's row, so that it
/// meets the same numbers whatever batch it stands in.
struct TransformNoise {
  Rng each_use;   ///< another one for each pass over the data
  Rng once;       ///< the same for every use of the data, in training, evaluation and any run
  bool training;  ///< false where a model is evaluated: nothing is corrupted
  /// For training in the given epoch.
  static TransformNoise for_training(uint64_t seed, int64_t epoch);
  /// For evaluation: the same whatever the run and its seed, so that models compare on equal data.
  static TransformNoise for_evaluation();
};

/// One step from the data as stored to the data as modelled, fitted on training data only. What it
/// learned stands in its buffers and is stored with the model.
class Transform : public torch::nn::Module {
 public:
  /// `visit` walks the training batches as they arrive at this step. Nothing to learn by default.
  virtual void fit(const std::function<void(const std::function<void(const Batch&)>&)>& /*visit*/) {
  }
  virtual void apply(Batch& batch, const TransformNoise& noise) const = 0;
  /// Back to the units of the step before; x [.., event...].
  virtual Tensor invert(const Tensor& x) const { return x; }
  /// log |dt(x)/dx| of each element, f64, [event...] or a scalar that stands for all, so that
  /// log p(x) = log p(t(x)) + its sum; 0 for a column that is constant, which is only shifted. None
  /// where t(x) is discrete: then p is no density and has no units.
  virtual std::optional<Tensor> log_slope() const { return at::zeros({}, at::kDouble); }
  /// What it makes of elements, in words; "" where it leaves them in their units.
  virtual std::string units() const { return ""; }
  /// Whether apply() understands an x of f64; others are given f32. All leave f32 behind.
  virtual bool takes_f64() const { return false; }
  /// Whether what invert() gives loses something as f32.
  virtual bool gives_f64() const { return false; }
  /// Whether no step may follow, because this one makes a Batch::input that is not x.
  virtual bool comes_last() const { return false; }
  /// Whether apply() understands an x of bytes as x / 255, so that a `unit` before it that makes
  /// just that may be left out.
  virtual bool takes_bytes() const { return false; }
};

const Family<std::shared_ptr<Transform>, const Schema&>& transforms();

/// The steps of a configuration, in order. Throws Error(Code::usage) when a step that comes last
/// does not.
class Pipeline : public torch::nn::Module {
 public:
  Pipeline(const std::vector<Part>& parts, const Schema& schema);
  void fit(const Dataset& train);
  /// x as Dataset::get or get_stored gives it: the result is the same.
  Batch apply(Batch batch, const TransformNoise& noise) const;
  /// Back to the units of the data as stored: f32, or f64 where f32 would lose digits beside the
  /// spread of a column.
  Tensor invert(const Tensor& x) const;
  /// Transform::log_slope of all steps together, from the data as stored to the data as modelled.
  std::optional<Tensor> log_slope() const;
  /// "standardised columns", "pixels 0 to 1", "zeros and ones"; "data's own units" for data that
  /// are modelled as stored.
  std::string units() const;
  const std::vector<Part>& parts() const { return parts_; }
  /// The steps that make x, without those that make another Batch::input of it.
  std::vector<Part> parts_of_x() const;

 private:
  std::vector<Part> parts_;
  std::vector<std::shared_ptr<Transform>> steps_;
  bool starts_from_bytes_ = false;  // the first is `unit`, and the second needs it only for others
};

}  // namespace elbo
