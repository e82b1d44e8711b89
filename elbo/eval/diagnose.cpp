// SPDX-License-Identifier: Apache-2.0
#include "elbo/eval/diagnose.h"

#include <algorithm>
#include <cmath>

namespace elbo {
namespace {

constexpr double kCollapsedKl = 0.1;           // nats in all
constexpr double kFewActive = 0.2;             // share of the dimensions
constexpr double kWeakKl = 0.1;                // nats for each active dimension
constexpr double kStrongKl = 6;                // nats for each active dimension
constexpr double kGap = 0.05, kWideGap = 0.2;  // share of |recon| + kl
constexpr double kAtFloor = 0.01;              // share of the elements
constexpr double kFullKl = 0.5;                // nats of the weakest dimension
constexpr int64_t kPictureLatent = 3;
constexpr double kWorseReconstruction = 1.05;  // of the squared error of a linear model

/// 0 where the metric does not exist.
double value(const Evaluation& evaluation, const char* name) {
  const Metric* metric = evaluation.find(name);
  return metric ? metric->value : 0;
}

/// What there is to say about the latents of a model with a KL.
class LatentFindings {
 public:
  LatentFindings(const Evaluation& e, std::vector<Finding>& out)
      : out_(out),
        kl_(value(e, "kl")),
        active_(value(e, "active_units")),
        size_(static_cast<double>(e.variance_of_mean.size())),
        per_dimension_(e.kl_per_dimension) {}

  void add() {
    if (active_ == 0 || kl_ < kCollapsedKl) return collapse();
    regularisation();
    use();
  }

 private:
  void collapse() {
    std::string what =
        active_ == 0
            ? fmt::format("none of {} is active", counted(int64_t(size_), "latent dimension"))
            : fmt::format("the KL is {:.3g} nats, too little to tell two halves of the data apart",
                          kl_);
    say("bad",
        "posterior collapse: {}. Warm the KL up (objective.beta_schedule=linear), give it free "
        "bits (objective.free_bits=0.1) or lower objective.beta",
        what);
  }

  void regularisation() {
    double each = kl_ / active_;
    if (each < kWeakKl) {
      say("warn",
          "over-regularised: {:.2g} nats of KL for each active dimension, so the latents are "
          "mostly "
          "noise. Lower objective.beta or warm it up (objective.beta_schedule=linear)",
          each);
    } else if (each > kStrongKl) {
      say("warn",
          "under-regularised: {:.2g} nats of KL for each active dimension, so draws from the prior "
          "miss what the decoder knows. Raise objective.beta, learn the scale of a gaussian "
          "likelihood, or raise model.latent",
          each);
    }
  }

  void use() {
    if (active_ < kFewActive * size_) {
      say("warn",
          "only {} of {} latent dimensions active. Warm the KL up (objective.beta_schedule=linear) "
          "or give it free bits (objective.free_bits=0.1); if {} are enough, set model.latent={}",
          active_, size_, active_, active_);
    } else if (active_ < size_) {
      say("good", "{} of {} latent dimensions unused: harmless; model.latent={} would do the same",
          size_ - active_, size_, active_);
    } else if (size_ > kPictureLatent && !per_dimension_.empty() &&
               *std::min_element(per_dimension_.begin(), per_dimension_.end()) > kFullKl) {
      say("warn",
          "all {} latent dimensions active and none carries little: more may help. Try "
          "model.latent={}",
          size_, 2 * size_);
    }
  }

  template <class... Args>
  void say(const char* level, fmt::format_string<Args...> format, Args&&... args) {
    out_.push_back({level, fmt::format(format, std::forward<Args>(args)...)});
  }

  std::vector<Finding>& out_;
  double kl_, active_, size_;
  const std::vector<double>& per_dimension_;
};

void find_not_finite(const Evaluation& evaluation, std::vector<Finding>& out) {
  for (const Metric& metric : evaluation.metrics) {
    if (std::isfinite(metric.value)) continue;
    out.push_back({"bad", fmt::format("{} is {}: the model's numbers overflow. Lower train.lr and "
                                      "train again",
                                      metric.name, metric.value)});
  }
}

void find_overfitting(const Evaluation& evaluation, const Evaluation& train,
                      std::vector<Finding>& out) {
  const char* name = evaluation.find("neg_elbo") ? "neg_elbo" : "recon";
  const Metric *here = evaluation.find(name), *there = train.find(name);
  if (!here || !there) return;
  double gap = here->value - there->value;
  double share = gap / (std::abs(value(train, "recon")) + value(train, "kl"));
  // A single example has no standard error, and shows nothing.
  bool beyond_chance = gap > 3 * std::hypot(here->se, there->se);
  if (!beyond_chance || share <= kGap) return;
  out.push_back(
      {share >= kWideGap ? "bad" : "warn",
       fmt::format("overfitting: {} is {:.3g} nats ({:.0f} %) above that of the training examples. "
                   "Train for fewer epochs, use smaller networks or dropout, or get more data",
                   name, gap, 100 * share)});
}

void find_scale_at_floor(const Evaluation& evaluation, const Schema& schema,
                         std::vector<Finding>& out) {
  if (evaluation.share_at_scale_floor <= kAtFloor) return;
  out.push_back(
      {"bad",
       fmt::format("the gaussian scale of {:.0f} % of the elements ({}) has fallen to its "
                   "floor: they are constant, copied or quantised, and the likelihood has no "
                   "meaning. Drop such columns or fix the scale "
                   "(model.likelihood={{ type = \"gaussian\", scale = \"fixed\" }})",
                   100 * evaluation.share_at_scale_floor, schema.shape_text())});
}

/// A bound of several draws is nearer to -log p(x) than neg_elbo, where there is one.
void find_worse_than_baselines(const Evaluation& evaluation, const std::vector<Baseline>& baselines,
                               std::vector<Finding>& out) {
  const Metric* ours =
      evaluation.find("iwae") ? evaluation.find("iwae") : evaluation.find("neg_elbo");
  const Metric* mse = evaluation.find("reconstruction_mse");
  const Baseline* best = nullptr;  // without latents, by density
  for (const Baseline& b : baselines) {
    if (b.has_latents || !b.neg_log || !ours) continue;
    if (!best || b.neg_log->value < best->neg_log->value) best = &b;
  }
  auto is_worse = [&](const Metric& theirs) {
    double both = std::hypot(std::isfinite(ours->se) ? ours->se : 0,
                             std::isfinite(theirs.se) ? theirs.se : 0);
    return ours->value - theirs.value > 2 * both;
  };
  constexpr const char* kRemedy =
      "Train longer (train.epochs), start from the linear model (model.linear=true with a gaussian "
      "likelihood), or see `elbo describe` for what is odd in the data";
  if (best && is_worse(*best->neg_log)) {
    out.push_back({"bad", fmt::format("worse than a trivial model: {:.4g} nats, where {} have "
                                      "{:.4g}. {}",
                                      ours->value, best->name, best->neg_log->value, kRemedy)});
    return;
  }
  for (const Baseline& b : baselines) {
    if (!mse || b.has_latents || mse->value <= b.mse) continue;
    out.push_back({"bad", fmt::format("reconstructs worse than the mean of the data: a squared "
                                      "error of {:.4g}, where the mean has {:.4g}. {}",
                                      mse->value, b.mse, kRemedy)});
    return;
  }
  for (const Baseline& b : baselines) {
    if (!b.has_latents) continue;
    if (ours && b.neg_log && is_worse(*b.neg_log)) {
      out.push_back({"warn", fmt::format("worse than {}: {:.4g} nats, where it has {:.4g}. {}",
                                         b.name, ours->value, b.neg_log->value, kRemedy)});
    } else if (!ours && mse && mse->value > kWorseReconstruction * b.mse) {
      out.push_back({"warn", fmt::format("reconstructs worse than {}: a squared error of {:.4g}, "
                                         "where it has {:.4g}. {}",
                                         b.name, mse->value, b.mse, kRemedy)});
    }
  }
}

void find_few_draws(const Evaluation& evaluation, std::vector<Finding>& out) {
  const Metric* draws = evaluation.find("effective_samples");
  if (!draws || evaluation.samples < 10 || !(draws->value < 2)) return;
  out.push_back({"warn", fmt::format("iwae rests on {:.2g} of {} draws: it is far above -log p(x). "
                                     "Ask for more samples",
                                     draws->value, evaluation.samples)});
}

std::string healthy(const Evaluation& evaluation, bool is_variational) {
  if (!is_variational) {
    return fmt::format("healthy: a plain autoencoder with a reconstruction error of {:.4g}",
                       value(evaluation, "reconstruction_mse"));
  }
  return fmt::format("healthy: {} of {} latent dimensions active, KL {:.3g} nats, {:.2g} for each",
                     value(evaluation, "active_units"), evaluation.variance_of_mean.size(),
                     value(evaluation, "kl"),
                     value(evaluation, "kl") / value(evaluation, "active_units"));
}

int gravity(const Finding& finding) {
  return finding.level == "bad" ? 2 : finding.level == "warn" ? 1 : 0;
}

}  // namespace

void sort_findings(std::vector<Finding>& findings) {
  std::stable_sort(findings.begin(), findings.end(),
                   [](auto& a, auto& b) { return gravity(a) > gravity(b); });
}

Value findings_to_value(const std::vector<Finding>& findings) {
  Value::List out;
  for (const Finding& finding : findings) {
    Value one;
    one["level"] = finding.level;
    one["text"] = finding.text;
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<Finding> diagnose(const Evaluation& evaluation, const Evaluation* train,
                              const std::vector<Baseline>& baselines, const Model& model,
                              const Schema& schema) {
  std::vector<Finding> out;
  find_not_finite(evaluation, out);
  if (out.empty()) {
    if (model.is_variational()) LatentFindings(evaluation, out).add();
    if (train) find_overfitting(evaluation, *train, out);
    find_worse_than_baselines(evaluation, baselines, out);
    find_scale_at_floor(evaluation, schema, out);
    find_few_draws(evaluation, out);
    for (const std::string& note : evaluation.notes) out.push_back({"good", note});
  }
  bool well = std::all_of(out.begin(), out.end(), [](auto& f) { return f.level == "good"; });
  if (well) out.insert(out.begin(), {"good", healthy(evaluation, model.is_variational())});
  sort_findings(out);
  return out;
}

}  // namespace elbo
