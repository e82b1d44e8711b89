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
constexpr double kFreeBits = 1.1;              // of objective.free_bits
constexpr double kScaleRatio = 2;              // a fixed scale and that of greatest likelihood
constexpr double kWorseReconstruction = 1.05;  // of the squared error of a linear model

/// 0 where the metric does not exist.
double value(const Evaluation& evaluation, const char* name) {
  const Metric* metric = evaluation.find(name);
  return metric ? metric->value : 0;
}

double se_of(const Metric& metric) { return std::isfinite(metric.se) ? metric.se : 0; }

/// A bound of several draws is nearer to -log p(x) than neg_elbo, where there is one.
const Metric* nearest_bound(const Evaluation& e) {
  return e.find("iwae") ? e.find("iwae") : e.find("neg_elbo");
}

bool is_worse(const Metric& ours, const Metric& theirs) {
  return ours.value - theirs.value > 2 * std::hypot(se_of(ours), se_of(theirs));
}

/// The best by density with latents, or without; null without one.
const Baseline* best_of(const std::vector<Baseline>& baselines, bool has_latents) {
  const Baseline* best = nullptr;
  for (const Baseline& b : baselines) {
    if (b.has_latents != has_latents || !b.neg_log) continue;
    if (!best || b.neg_log->value < best->neg_log->value) best = &b;
  }
  return best;
}

const Baseline* named(const std::vector<Baseline>& baselines, std::string_view name) {
  for (const Baseline& b : baselines) {
    if (b.name == name) return &b;
  }
  return nullptr;
}

/// The gaussian scale that was fixed; 0 where none was.
double fixed_scale(const ModelOptions& o) {
  const Value* kind = o.likelihood.options.find("scale");
  if (o.likelihood.type != "gaussian" || !kind || !kind->is_string()) return 0;
  if (kind->as_string() != "fixed") return 0;
  const Value* given = o.likelihood.options.find("value");
  return given ? given->as_number() : 1;
}

/// What lets latents carry more under this objective.
std::string more_kl(const Recipe& recipe) {
  const Recipe::Objective& o = recipe.objective;
  if (fixed_scale(recipe.model) > 0) {
    return "Learn the gaussian scale, which weighs the data against the KL "
           "(model.likelihood.scale=learned model.likelihood.value=1)";
  }
  if (!o.has_kl) {
    return "Train under the ELBO with a warm-up (objective.bound=elbo "
           "objective.beta_schedule=linear)";
  }
  if (o.beta > 1) return "Lower the weight of the KL (objective.beta=1)";
  if (!o.is_scheduled) {
    return "Warm the KL up (objective.beta_schedule=linear) or give it free bits "
           "(objective.free_bits=0.1)";
  }
  return fmt::format("Give the KL free bits (objective.free_bits={:g})",
                     std::max(0.1, 2 * o.free_bits));
}

/// What there is to say about the latents of a model with a KL.
class LatentFindings {
 public:
  LatentFindings(const Evaluation& e, const Recipe& recipe, int64_t elements, bool has_room,
                 std::vector<Finding>& out)
      : out_(out),
        recipe_(recipe),
        objective_(recipe.objective),
        elements_(static_cast<double>(elements)),
        has_room_(has_room),
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
    say("bad", "posterior collapse: {}. {}", what, more_kl(recipe_));
  }

  void regularisation() {
    double each = kl_ / active_;
    double most = per_dimension_.empty()
                      ? 0
                      : *std::max_element(per_dimension_.begin(), per_dimension_.end());
    if (!per_dimension_.empty() && most <= kFreeBits * objective_.free_bits) {
      say("warn",
          "only free bits: no latent dimension carries more than the {:g} nats that cost nothing "
          "(objective.free_bits). Take them away (objective.free_bits=0)",
          objective_.free_bits);
    }
    if (each < kWeakKl) {
      say("warn",
          "over-regularised: {:.2g} nats of KL for each active dimension, so the latents are "
          "mostly noise. {}",
          each, more_kl(recipe_));
    } else if (each > kStrongKl) {
      say("warn",
          "under-regularised: {:.2g} nats of KL for each active dimension, so draws from the prior "
          "miss what the decoder knows. {}",
          each,
          objective_.beta < 1 ? "Set objective.beta=1"
                              : "Raise objective.beta, learn the scale of a gaussian likelihood, "
                                "or raise model.latent");
    }
  }

  void use() {
    if (active_ < kFewActive * size_) {
      say("warn",
          "only {} of {} latent dimensions active. {}; if {} are enough, set model.latent={}",
          active_, size_, more_kl(recipe_), active_, active_);
    } else if (active_ < size_) {
      say("good", "{} of {} latent dimensions unused: harmless; model.latent={} would do the same",
          size_ - active_, size_, active_);
    } else if (has_room_ && size_ > kPictureLatent && size_ < elements_ &&
               !per_dimension_.empty() &&
               *std::min_element(per_dimension_.begin(), per_dimension_.end()) >
                   kFullKl + objective_.free_bits) {
      say("warn",
          "all {} latent dimensions active and none carries little: more may help. Try "
          "model.latent={}",
          size_, std::min(2 * size_, elements_));
    }
  }

  template <class... Args>
  void say(const char* level, fmt::format_string<Args...> format, Args&&... args) {
    out_.push_back({level, fmt::format(format, std::forward<Args>(args)...)});
  }

  std::vector<Finding>& out_;
  const Recipe& recipe_;
  const Recipe::Objective& objective_;
  double elements_;
  bool has_room_;
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
                      const std::vector<Baseline>& baselines, std::vector<Finding>& out) {
  const char* name = evaluation.find("neg_elbo") ? "neg_elbo" : "recon";
  const Metric *here = evaluation.find(name), *there = train.find(name);
  if (!here || !there) return;
  double gap = here->value - there->value;
  double share = gap / (std::abs(value(train, "recon")) + value(train, "kl"));
  // A single example has no standard error, and shows nothing.
  bool beyond_chance = gap > 3 * std::hypot(here->se, there->se);
  if (!beyond_chance || share <= kGap) return;
  const Baseline* linear = best_of(baselines, true);
  const Metric* ours = nearest_bound(evaluation);
  if (ours && linear && !is_worse(*ours, *linear->neg_log)) {
    out.push_back({"good", fmt::format("{} is {:.3g} nats above that of the training examples, as "
                                       "with few rows; {} does no better on rows held out",
                                       name, gap, linear->name)});
    return;
  }
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

/// A fixed scale that is not that of the model's own errors.
void find_fixed_scale(const Evaluation& evaluation, const Recipe& recipe,
                      std::vector<Finding>& out) {
  const Metric* mse = evaluation.find("reconstruction_mse");
  double scale = fixed_scale(recipe.model);
  if (!mse || scale == 0) return;
  double own = std::sqrt(mse->value);
  if (scale <= kScaleRatio * own && scale >= own / kScaleRatio) return;
  out.push_back(
      {"warn", fmt::format("the fixed scale is {:.3g}, where the errors of the "
                           "reconstructions are of {:.3g}. Learn it "
                           "(model.likelihood.scale=learned model.likelihood.value={:.3g})",
                           scale, own, std::max(own, 0.001))});
}

/// What to do about a model that a simple one beats.
std::string better_fit(const Recipe& recipe, double latent_room) {
  const Recipe::Objective& o = recipe.objective;
  std::string out;
  if (o.beta != 1) out = "Set objective.beta=1, by which both are measured. ";
  if (o.free_bits > 0) out += "Set objective.free_bits=0. ";
  if (fixed_scale(recipe.model) > 0)
    out += "Learn the scale (model.likelihood.scale=learned model.likelihood.value=1). ";
  bool may_start = !recipe.model.linear && recipe.model.likelihood.type == "gaussian";
  out += may_start ? "Start from the linear model (model.linear=true), train longer (train.epochs)"
                   : "Train longer (train.epochs)";
  if (latent_room > 0) out += fmt::format(", with more latents (model.latent={})", latent_room);
  return out + ", or see `elbo describe` for what is odd in the data";
}

void find_worse_than_baselines(const Evaluation& evaluation, const std::vector<Baseline>& baselines,
                               const Recipe& recipe, int64_t elements, std::vector<Finding>& out) {
  const Metric *ours = nearest_bound(evaluation), *mse = evaluation.find("reconstruction_mse");
  const Baseline *best = best_of(baselines, false), *linear = best_of(baselines, true);
  bool lacks_latents = best && linear && is_worse(*linear->neg_log, *best->neg_log);
  auto latents = static_cast<double>(std::min(2 * recipe.model.latent, elements));
  std::string remedy = better_fit(recipe, lacks_latents ? latents : 0);
  if (best && ours && is_worse(*ours, *best->neg_log)) {
    out.push_back(
        {"bad", fmt::format("worse than a trivial model: {:.4g} nats, where {} {} {:.4g}. {}",
                            ours->value, best->name, best->name.ends_with("s") ? "have" : "has",
                            best->neg_log->value, remedy)});
    return;
  }
  for (const Baseline& b : baselines) {
    if (!mse || b.has_latents || mse->value <= b.mse) continue;
    out.push_back({"bad", fmt::format("reconstructs worse than the mean of the data: a squared "
                                      "error of {:.4g}, where the mean has {:.4g}. {}",
                                      mse->value, b.mse, remedy)});
    return;
  }
  for (const Baseline& b : baselines) {
    if (!b.has_latents) continue;
    if (ours && b.neg_log && is_worse(*ours, *b.neg_log)) {
      out.push_back({"warn", fmt::format("worse than {}: {:.4g} nats, where it has {:.4g}. {}",
                                         b.name, ours->value, b.neg_log->value, remedy)});
    } else if (!ours && mse && mse->value > kWorseReconstruction * b.mse) {
      out.push_back({"warn", fmt::format("reconstructs worse than {}: a squared error of {:.4g}, "
                                         "where it has {:.4g}. {}",
                                         b.name, mse->value, b.mse, remedy)});
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
                              const Schema& schema, const Recipe& recipe) {
  std::vector<Finding> out;
  find_not_finite(evaluation, out);
  if (out.empty()) {
    if (model.is_variational()) {
      // A full covariance, where one was fitted, knows what any number of linear dimensions would.
      bool has_room = !named(baselines, "full covariance");
      LatentFindings(evaluation, recipe, schema.size(), has_room, out).add();
      find_fixed_scale(evaluation, recipe, out);
    }
    if (train) find_overfitting(evaluation, *train, baselines, out);
    find_worse_than_baselines(evaluation, baselines, recipe, schema.size(), out);
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
