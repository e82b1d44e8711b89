// SPDX-License-Identifier: Apache-2.0
#include "elbo/data/transform.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "elbo/tensor/convert.h"
#include "elbo/tensor/random.h"

namespace elbo {

TransformNoise TransformNoise::for_training(uint64_t seed, int64_t epoch) {
  Rng rng(seed, "transform");
  return {rng.stream("epoch " + std::to_string(epoch)), for_evaluation().once, true};
}

TransformNoise TransformNoise::for_evaluation() {
  Rng rng(777, "transform/evaluation");
  return {rng, rng, false};
}

namespace {

using Visit = std::function<void(const std::function<void(const Batch&)>&)>;

void keep_observed(Batch& batch) {
  if (batch.mask.defined()) batch.x = batch.x * batch.mask;
}

const char* elements_of(const Schema& schema) {
  return schema.kind == "image" ? "pixels" : "columns";
}

/// x -> (x - lo) / (hi - lo).
class Unit : public Transform {
 public:
  explicit Unit(const Schema& schema) : range_(schema.range), elements_(elements_of(schema)) {}
  void apply(Batch& batch, const TransformNoise&) const override {
    if (range_.lo != 0) batch.x = batch.x - range_.lo;
    // By a tensor: LibTorch multiplies by the reciprocal of a number on some devices.
    batch.x = batch.x / at::full({}, width(), batch.x.options().dtype(at::kFloat));
    keep_observed(batch);
  }
  Tensor invert(const Tensor& x) const override {
    Tensor out = x * width();
    return range_.lo != 0 ? out + range_.lo : out;
  }
  std::optional<Tensor> log_slope() const override {
    return at::full({}, -std::log(width()), at::kDouble);
  }
  std::string units() const override { return elements_ + " 0 to 1"; }

 private:
  double width() const { return range_.hi - range_.lo; }
  ValueRange range_;
  std::string elements_;
};

/// x -> (x - shift) / scale, element by element, in f64; the result is f32. A scale of 0 is that of
/// a constant column: it is only shifted, and its inverse is the constant whatever x is.
class Affine : public Transform {
 public:
  explicit Affine(const Schema& schema) : elements_(elements_of(schema)) {
    shift_ = register_buffer("shift", at::zeros(schema.shape, at::kDouble));
    scale_ = register_buffer("scale", at::ones(schema.shape, at::kDouble));
  }
  void apply(Batch& batch, const TransformNoise&) const override {
    batch.x = ((batch.x.to(at::kDouble) - shift_) / divisor()).to(at::kFloat);
    keep_observed(batch);
  }
  Tensor invert(const Tensor& x) const override { return x.to(at::kDouble) * scale_ + shift_; }
  std::optional<Tensor> log_slope() const override { return -divisor().log(); }
  bool takes_f64() const override { return true; }
  bool gives_f64() const override {
    Tensor is_far = shift_.abs() > kFarInF32 * scale_;
    Tensor is_lost = shift_.to(at::kFloat).to(at::kDouble) != shift_;
    Tensor is_beyond = (scale_ > 0).logical_and(scale_ < 1e-36).logical_or(scale_ > 1e36);
    return is_far.logical_and(is_lost)
        .logical_and((scale_ > 0).logical_or(is_whole(shift_)))
        .logical_or(is_beyond)
        .any()
        .item<bool>();
  }

 protected:
  const std::string elements_;
  /// low, high: of the column, equal where it is constant; low above high where nothing is known.
  void set(const Tensor& shift, const Tensor& scale, const Tensor& low, const Tensor& high) {
    Tensor is_known = low <= high, is_constant = low == high;
    Tensor least = (high - low).masked_fill(is_known.logical_not(), 1);
    shift_.copy_(low.where(is_constant, shift).masked_fill(is_known.logical_not(), 0));
    scale_.copy_(scale.where(scale > 0, least).masked_fill(is_known.logical_not(), 1));
    scale_.masked_fill_(is_constant, 0);
  }

 private:
  static Tensor is_whole(const Tensor& x) { return x == x.floor(); }
  Tensor divisor() const { return scale_.masked_fill(scale_ == 0, 1); }
  /// From a shift of so many scales on, f32 rounds a value by more than 4e-6 scales.
  static constexpr double kFarInF32 = 64;
  Tensor shift_, scale_;
};

/// The least and the largest observed value of each column, over batches.
class Extremes {
 public:
  void add(const Batch& batch) {
    const double inf = std::numeric_limits<double>::infinity();
    Tensor lo = batch.x.to(at::kDouble), hi = lo;
    if (batch.mask.defined()) {
      Tensor hidden = batch.mask == 0;
      hi = lo.masked_fill(hidden, -inf);
      lo = lo.masked_fill(hidden, inf);
    }
    lo = lo.amin(0), hi = hi.amax(0);
    low = low.defined() ? at::minimum(low, lo) : lo;
    high = high.defined() ? at::maximum(high, hi) : hi;
  }
  Tensor low, high;
};

class Standardise : public Affine {
 public:
  using Affine::Affine;
  std::string units() const override { return "standardised " + elements_; }
  void fit(const Visit& visit) override {
    Tensor count, mean, spread;  // Chan et al. 1979, updating by batches
    Extremes extremes;
    visit([&](const Batch& batch) {
      extremes.add(batch);
      Tensor x = batch.x.to(at::kDouble);
      Tensor w = batch.mask.defined() ? batch.mask.to(at::kDouble) : at::ones_like(x);
      Tensor n = w.sum(0), m = (x * w).sum(0) / n.clamp_min(1);
      Tensor s = ((x - m).square() * w).sum(0);
      if (!count.defined()) {
        count = n, mean = m, spread = s;
        return;
      }
      Tensor total = (count + n).clamp_min(1), delta = m - mean;
      spread = spread + s + delta.square() * count * n / total;
      mean = mean + delta * n / total;
      count = count + n;
    });
    if (!mean.defined()) return;
    set(mean, (spread / count.clamp_min(1)).sqrt(), extremes.low, extremes.high);
  }
};

struct MinMaxOptions {
  bool clip = true;
  void fields(Fields& f) {
    f("clip", clip, "hold values beyond the training range at 0 and 1, so that new data fit too");
  }
};

class MinMax : public Affine {
 public:
  MinMax(const MinMaxOptions& options, const Schema& schema)
      : Affine(schema), clip_(options.clip) {}
  void apply(Batch& batch, const TransformNoise& noise) const override {
    Affine::apply(batch, noise);
    if (clip_) batch.x = batch.x.clamp(0, 1);
  }
  std::string units() const override { return elements_ + " 0 to 1"; }
  void fit(const Visit& visit) override {
    Extremes extremes;
    visit([&](const Batch& batch) { extremes.add(batch); });
    const Tensor &low = extremes.low, &high = extremes.high;
    if (low.defined()) set(low, high - low, low, high);
  }

 private:
  bool clip_;
};

struct BinariseOptions {
  std::string mode = "dynamic";
  double threshold = 0.5;
  void fields(Fields& f) {
    f("mode", mode,
      "dynamic: each value is the chance of a 1, drawn anew at every use; once: drawn once for all "
      "runs and uses, by the row in the source; "
      "threshold: 1 above `threshold`",
      {"dynamic", "once", "threshold"});
    f("threshold", threshold, "for mode threshold", between(0, 1));
  }
};

class Binarise : public Transform {
 public:
  bool takes_bytes() const override { return options_.mode != "threshold"; }
  std::optional<Tensor> log_slope() const override { return std::nullopt; }
  std::string units() const override { return "zeros and ones"; }
  Binarise(BinariseOptions options, const Schema& schema)
      : options_(std::move(options)), columns_(schema.columns) {}
  void apply(Batch& batch, const TransformNoise& noise) const override {
    if (options_.mode == "threshold") {
      batch.x = (batch.x > options_.threshold).to(at::kFloat);
    } else {
      if (batch.x.scalar_type() != at::kByte) {
        check_unit(batch.x, "x to be binarised", columns_,
                   "Put `unit` (for images) or `min-max` (for columns) before `binarise`.");
      }
      const Rng& rng = options_.mode == "once" ? noise.once : noise.each_use;
      batch.x = bernoulli_by_row(rng.stream("binarise"), batch.index, batch.x);
    }
    keep_observed(batch);
  }

 private:
  BinariseOptions options_;
  std::vector<std::string> columns_;
};

struct CorruptOptions {
  std::string kind = "gaussian";
  double amount = 0.3;
  void fields(Fields& f) {
    f("kind", kind, "gaussian: add normal noise; drop: set elements to zero", {"gaussian", "drop"});
    f("amount", amount, "the noise's standard deviation, or the chance of dropping an element",
      at_least(0));
  }
};

/// What the encoder sees is damaged; what must be reconstructed is not.
class Corrupt : public Transform {
 public:
  explicit Corrupt(CorruptOptions options) : options_(std::move(options)) {}
  bool comes_last() const override { return true; }
  void apply(Batch& batch, const TransformNoise& noise) const override {
    if (!noise.training) return;
    Rng rng = noise.each_use.stream("corrupt");
    int64_t n = batch.x[0].numel();
    Tensor u = uniform_by_row(rng, batch.index, n, batch.x.device()).view_as(batch.x);
    if (options_.kind == "drop") {
      batch.input = batch.x * (u >= options_.amount);
    } else {
      Tensor v =
          uniform_by_row(rng.stream("angle"), batch.index, n, batch.x.device()).view_as(batch.x);
      Tensor gauss = (-2 * (1 - u).log()).sqrt() * (v * 6.283185307179586).cos();
      batch.input = batch.x + options_.amount * gauss;
    }
    if (batch.mask.defined()) batch.input = batch.input * batch.mask;
  }

 private:
  CorruptOptions options_;
};

}  // namespace

const Family<std::shared_ptr<Transform>, const Schema&>& transforms() {
  static const auto family = [] {
    Family<std::shared_ptr<Transform>, const Schema&> f(
        "transform", "steps from the data as stored to the data as modelled");
    f.row<NoOptions>("unit", "pixels from black to white to [0, 1]; bytes: x / 255", "",
                     [](const NoOptions&, const Schema& s) { return std::make_shared<Unit>(s); });
    f.row<NoOptions>(
        "standardise", "each column to mean 0 and standard deviation 1", "",
        [](const NoOptions&, const Schema& s) { return std::make_shared<Standardise>(s); });
    f.row<MinMaxOptions>(
        "min-max", "each column to [0, 1]", "",
        [](const MinMaxOptions& o, const Schema& s) { return std::make_shared<MinMax>(o, s); });
    f.row<BinariseOptions>(
        "binarise", "values in [0, 1] to zeros and ones",
        "Salakhutdinov & Murray 2008; Burda et al. 2016",
        [](const BinariseOptions& o, const Schema& s) { return std::make_shared<Binarise>(o, s); });
    f.row<CorruptOptions>(
        "corrupt", "noise on what the encoder sees while training",
        "Vincent et al. 2008; Im et al. 2017",
        [](const CorruptOptions& o, const Schema&) { return std::make_shared<Corrupt>(o); });
    return f;
  }();
  return family;
}

Pipeline::Pipeline(const std::vector<Part>& parts, const Schema& schema) : parts_(parts) {
  for (const Part& part : parts) {
    ELBO_CHECK(steps_.empty() || !steps_.back()->comes_last(), Code::usage,
               "transform: '{}' must be the last step, but '{}' follows it\nMove it to the end.",
               parts[steps_.size() - 1].type, part.type);
    std::string name = fmt::format("{}_{}", steps_.size(), part.type);
    std::replace(name.begin(), name.end(), '-', '_');
    steps_.push_back(register_module(name, transforms().make(part, schema)));
  }
  starts_from_bytes_ = steps_.size() > 1 && parts[0].type == "unit" &&
                       schema.range == ValueRange{} && steps_[1]->takes_bytes();
}

std::vector<Part> Pipeline::parts_of_x() const {
  std::vector<Part> out;
  for (size_t i = 0; i < steps_.size(); ++i) {
    if (!steps_[i]->comes_last()) out.push_back(parts_[i]);
  }
  return out;
}

std::optional<Tensor> Pipeline::log_slope() const {
  Tensor sum = at::zeros({}, at::kDouble);
  for (const auto& step : steps_) {
    std::optional<Tensor> slope = step->log_slope();
    if (!slope) return std::nullopt;
    sum = sum + slope->to(at::kCPU);
  }
  return sum;
}

std::string Pipeline::units() const {
  std::string out = "data's own units";
  for (const auto& step : steps_) {
    if (std::string made = step->units(); !made.empty()) out = made;
  }
  return out;
}

void Pipeline::fit(const Dataset& train) {
  at::NoGradGuard no_grad;
  TransformNoise noise = TransformNoise::for_evaluation();
  for (size_t i = 0; i < steps_.size(); ++i) {
    steps_[i]->fit([&](const std::function<void(const Batch&)>& visit) {
      for_each_batch(train, rows_at_once(train.schema(), 1024), [&](Batch batch) {
        if (!steps_[0]->takes_f64()) batch.x = batch.x.to(at::kFloat);
        for (size_t j = 0; j < i; ++j) steps_[j]->apply(batch, noise);
        visit(batch);
      });
    });
  }
}

Batch Pipeline::apply(Batch batch, const TransformNoise& noise) const {
  at::NoGradGuard no_grad;
  size_t first = 0;
  bool is_f64 = batch.x.scalar_type() == at::kDouble && !steps_.empty() && steps_[0]->takes_f64();
  if (batch.x.scalar_type() == at::kByte && starts_from_bytes_) {
    first = 1;
  } else if (!is_f64) {
    batch.x = batch.x.to(at::kFloat);
  }
  for (size_t i = first; i < steps_.size(); ++i) steps_[i]->apply(batch, noise);
  return batch;
}

Tensor Pipeline::invert(const Tensor& x) const {
  Tensor out = x;
  for (size_t i = steps_.size(); i-- > 0;) out = steps_[i]->invert(out);
  bool is_f64 = !steps_.empty() && steps_[0]->gives_f64();
  return out.to(is_f64 ? at::kDouble : at::kFloat);
}

}  // namespace elbo
