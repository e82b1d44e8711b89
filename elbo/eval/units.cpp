// SPDX-License-Identifier: Apache-2.0
#include "elbo/eval/units.h"

#include <cmath>

namespace elbo {
namespace {

constexpr int64_t kRowsLookedAt = 1000;

std::vector<int64_t> some_rows(const Dataset& data) {
  return spaced_rows(data.size(), rows_at_once(data.schema(), kRowsLookedAt));
}

/// Whether any observed x is neither 0 nor 1.
bool is_grey(const Pipeline& pipeline, const Dataset& data) {
  Batch batch = pipeline.apply(data.get(some_rows(data)), TransformNoise::for_evaluation());
  return (batch.x != 0).logical_and(batch.x != 1).any().item<bool>();
}

/// Pictures stored as whole numbers have a level for each, and those stored as floats are of 8 bits
/// where all are multiples of 1/255 of their range.
int64_t levels_of(const Dataset& data) {
  const ValueRange& range = data.schema().range;
  const double width = range.hi - range.lo;
  Tensor share = (data.get(some_rows(data)).x.to(at::kDouble) - range.lo) / width;
  for (double steps : {width, 255.0}) {
    Tensor x = share * steps;
    if (steps == std::floor(steps) && ((x - x.round()).abs() < 1e-3).all().item<bool>()) {
      return static_cast<int64_t>(steps) + 1;
    }
  }
  return 0;
}

}  // namespace

std::string Units::nats() const {
  if (kind == LossKind::probability) return "nats";
  return fmt::format("nats ({})", kind == LossKind::density ? of_x : "cross-entropy");
}

std::string Units::loss_name() const {
  return kind == LossKind::cross_entropy ? "cross-entropy + KL" : "-ELBO";
}

Tensor Units::to_data_units(const Tensor& mask, int64_t rows) const {
  if (!mask.defined()) return (-log_slope.sum()).expand({rows});
  return -(mask.to(at::kCPU, at::kDouble) * log_slope).flatten(1).sum(-1);
}

std::vector<std::string> Units::notes(const std::string& name, double loss) const {
  std::vector<std::string> out;
  if (kind == LossKind::density && loss < 0) {
    out.push_back(
        fmt::format("{} is below 0: p(x) is a density here, which may exceed 1, and its value "
                    "depends on the units of x ({})",
                    name, of_x));
  }
  if (kind == LossKind::cross_entropy) {
    out.push_back(
        "the bernoulli likelihood is given values that are neither 0 nor 1: its loss is a "
        "cross-entropy, no bound on log p(x), and compares with no other likelihood's. For a bound "
        "train with `binarise` as the last of data.transform, or with "
        "model.likelihood=continuous-bernoulli");
  }
  return out;
}

Units units_of(const Model& model, const Pipeline& pipeline, const Dataset& data) {
  Units out;
  out.of_x = pipeline.units();
  out.is_image = data.schema().kind == "image";
  std::optional<Tensor> slope = pipeline.log_slope();
  if (!model.has_density()) {
    bool may_be_grey = slope.has_value();
    out.kind =
        may_be_grey && is_grey(pipeline, data) ? LossKind::cross_entropy : LossKind::probability;
  } else if (slope) {
    out.log_slope = slope->expand(data.schema().shape);
  }
  if (out.is_image && out.log_slope.defined()) {
    const ValueRange& range = data.schema().range;
    out.levels = levels_of(data);
    if (out.levels > 1) out.level = (range.hi - range.lo) / static_cast<double>(out.levels - 1);
  }
  return out;
}

}  // namespace elbo
