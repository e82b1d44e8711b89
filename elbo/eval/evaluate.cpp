// SPDX-License-Identifier: Apache-2.0
#include "elbo/eval/evaluate.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "elbo/eval/importance.h"
#include "elbo/eval/moments.h"
#include "elbo/eval/prepare.h"
#include "elbo/prob/likelihood.h"
#include "elbo/prob/normal.h"

namespace elbo {

void EvalOptions::fields(Fields& f) {
  f("samples", samples, "importance samples K for the bound L_K; 0 leaves it out", at_least(0));
  f("batch", batch, "rows at a time", at_least(1));
  f("limit", limit, "use only the first rows; 0 uses all", at_least(0));
}

namespace {

// Rows for which the bound L_K is computed at once, and rows times draws: the size of these chunks,
// on which the noise depends, is the same whatever a batch is.
constexpr int64_t kBlock = 64, kMaxRows = 16384;
constexpr double kAtScaleFloor = 1.05 * kGaussianScaleFloor;

/// Draws of z for each of n rows: where rows are few, so many that what draws differ by is small
/// beside what rows differ by.
int64_t bound_draws(int64_t n) {
  constexpr int64_t kDraws = 4096, kMost = 64;  // in all; for each row
  return std::clamp<int64_t>(kDraws / n, 1, kMost);
}

/// What is summed up over batches; an undefined moment is a metric left out.
struct Totals {
  Moments neg_elbo, recon, kl, observed, mse, at_floor, iwae, effective_samples;
  Moments to_data_units, neg_elbo_data, iwae_data;
  Moments kl_per_dimension, posterior_mean;  // [Z]
  std::map<std::string, Moments> terms;
  Units units;
  bool keep_rows = false;
  std::map<std::string, std::vector<double>> rows;

  /// values [B]: what a metric is of each of the next rows.
  void add(Moments& metric, const char* name, const Tensor& values) {
    metric.add(values);
    if (!keep_rows) return;
    Tensor v = values.to(at::kCPU, at::kDouble).contiguous();
    auto& kept = rows[name];
    kept.insert(kept.end(), v.data_ptr<double>(), v.data_ptr<double>() + v.numel());
  }
  /// values [B] of densities, in the data's own units.
  void add_in_data_units(Moments& metric, const char* name, const Tensor& values,
                         const Batch& batch) {
    if (!units.log_slope.defined()) return;
    Tensor shift = units.to_data_units(batch.mask, batch.size());
    add(metric, name, values.to(at::kCPU, at::kDouble) + shift);
  }
};

/// Its noise is keyed by example: every batch may have the same generator.
void add_bound(Model& model, const Batch& batch, int64_t draws, Rng rng, Totals& totals) {
  Pass pass = model.pass(batch, rng, {.samples = draws, .marginals = true});
  Tensor recon = -pass.log_px.mean(0).to(at::kDouble);
  totals.add(totals.recon, "recon", recon);
  for (const auto& [name, term] : pass.terms) totals.terms[name].add(term);
  if (!model.is_variational()) return;
  Tensor kl = at::zeros_like(recon);
  std::vector<Tensor> dimensions;
  for (const Latent& latent : pass.latents) {
    kl = kl + kl_of(latent);
    if (latent.kl_per_dimension.defined()) dimensions.push_back(latent.kl_per_dimension);
  }
  totals.add(totals.kl, "kl", kl);
  totals.add(totals.neg_elbo, "neg_elbo", recon + kl);
  totals.add_in_data_units(totals.neg_elbo_data, "neg_elbo_data_units", recon + kl, batch);
  if (dimensions.size() == pass.latents.size()) {
    totals.kl_per_dimension.add(at::cat(dimensions, -1));
  }
}

/// Mean over an example's observed elements, for the examples that have any.
Tensor observed_mean(const Tensor& elements, const Tensor& observed) {
  Tensor count = observed.flatten(1).sum(-1);
  Tensor sum = (elements * observed).flatten(1).sum(-1, false, at::kDouble);
  return (sum / count).masked_select(count > 0);
}

void add_means(Model& model, const Batch& batch, Rng& rng, Totals& totals) {
  Tensor mean = posterior_mean(model.encode(batch, rng));
  totals.posterior_mean.add(mean);
  auto px = model.decode(split_latents(mean, model.latent_sizes()), rng);
  Tensor observed = batch.mask.defined() ? batch.mask : at::ones_like(batch.x);
  totals.observed.add(observed.flatten(1).sum(-1));
  if (totals.units.log_slope.defined()) {
    totals.to_data_units.add(totals.units.to_data_units(batch.mask, batch.size()));
  }
  totals.mse.add(observed_mean((px->mean() - batch.x).square(), observed));
  if (dynamic_cast<const DiagonalNormal*>(px.get())) {
    Tensor low = px->variance() <= kAtScaleFloor * kAtScaleFloor;
    totals.at_floor.add(observed_mean(low.to(batch.x.options()), observed));
  }
}

/// `first`: the number of the batch's first row, a multiple of kBlock.
void add_importance(Model& model, const Batch& batch, int64_t first, int64_t samples,
                    const Rng& noise, Totals& totals) {
  for (int64_t begin = 0; begin < batch.size(); begin += kBlock) {
    Batch block = batch.narrow(begin, std::min(kBlock, batch.size() - begin));
    Rng rng = noise.at(static_cast<uint64_t>((first + begin) / kBlock));
    LogWeights weights = importance_weights(model, block, rng, samples, kMaxRows);
    totals.add(totals.iwae, "iwae", -weights.log_mean());
    totals.add_in_data_units(totals.iwae_data, "iwae_data_units", -weights.log_mean(), block);
    totals.effective_samples.add(weights.effective_samples());
  }
}

std::vector<double> numbers(const Tensor& t) {
  if (!t.defined()) return {};
  return {t.data_ptr<double>(), t.data_ptr<double>() + t.numel()};
}

/// The metrics of an evaluation, from what was summed up.
class Summary {
 public:
  Summary(const Totals& totals, Evaluation& out) : totals_(totals), out_(out) {}

  void add(const char* name, const Moments& m, const std::string& unit, const std::string& help,
           double scale = 1, double shift = 0) {
    if (m.count() == 0) return;
    double value = m.mean().item<double>();
    out_.metrics.push_back({name, (value + shift) * scale, m.standard_error() * scale, unit, help});
  }

  /// A bound on -log p(x) of that name in all the units it has: in model units and the data's own.
  void add_bound(const std::string& name, const Moments& m, const Moments& in_data_units,
                 const std::string& help) {
    const Units& units = totals_.units;
    add(name.c_str(), m, units.nats(), help);
    add((name + "_data_units").c_str(), in_data_units, kDataUnits,
        name + " of the data as they are stored");
    if (units.is_image) add_bits(name, m, in_data_units);
  }

 private:
  void add_bits(const std::string& bound, const Moments& m, const Moments& in_data_units) {
    const Units& units = totals_.units;
    const std::string name = bound == "neg_elbo" ? "bits_per_dim" : bound + "_bits_per_dim";
    const double dims = totals_.observed.mean().item<double>();
    const double per_dim = 1 / (dims * std::numbers::ln2);
    if (units.kind == LossKind::probability) {
      add(name.c_str(), m, "bits/dim", bound + " by element of the data", per_dim);
    } else if (units.levels > 1) {
      add(name.c_str(), in_data_units,
          fmt::format("bits/dim, {} levels", with_commas(units.levels)),
          bound + " by element of the data, in steps of one level", per_dim,
          -dims * std::log(units.level));
    }
  }

  const Totals& totals_;
  Evaluation& out_;
};

Evaluation summarise(const Totals& totals, bool is_variational, int64_t samples) {
  Evaluation out;
  out.examples = totals.recon.count();
  out.samples = samples;
  out.rows = totals.rows;
  out.units = totals.units;
  if (totals.to_data_units.count() > 0) {
    out.to_data_units = totals.to_data_units.mean().item<double>();
  }
  Summary summary(totals, out);
  const bool bounds = totals.units.kind != LossKind::cross_entropy;
  summary.add_bound("neg_elbo", totals.neg_elbo, totals.neg_elbo_data,
                    bounds ? "the negative evidence lower bound: recon + kl"
                           : "recon + kl, no bound on log p(x): x is grey");
  summary.add("recon", totals.recon, totals.units.nats(),
              bounds ? "-log p(x|z): what the decoder leaves unexplained"
                     : "the cross-entropy of x and what the decoder makes of z");
  summary.add("kl", totals.kl, "nats", "KL(q(z|x) || p(z)): what the latents carry");
  for (const auto& [name, term] : totals.terms) {
    summary.add(name.c_str(), term, "nats", "a term of this kind of model");
  }
  out.variance_of_mean = numbers(totals.posterior_mean.variance(0));
  out.kl_per_dimension = numbers(totals.kl_per_dimension.mean());
  if (is_variational) {
    auto active = std::count_if(out.variance_of_mean.begin(), out.variance_of_mean.end(),
                                [](double v) { return v > kActiveVariance; });
    Metric metric;
    metric.name = "active_units";
    metric.value = static_cast<double>(active);
    metric.help =
        fmt::format("of {} latent dimensions, those that vary with x", out.variance_of_mean.size());
    out.metrics.push_back(metric);
  }
  summary.add("reconstruction_mse", totals.mse, "",
              fmt::format("squared error of the reconstruction ({})", totals.units.of_x));
  summary.add_bound("iwae", totals.iwae, totals.iwae_data,
                    bounds ? "-L_K, the importance-weighted bound of -log p(x)"
                           : "as -L_K, but no bound on log p(x): x is grey");
  summary.add("effective_samples", totals.effective_samples, "",
              "draws of the K that carry the bound, by example");
  const Metric* loss = out.find(is_variational ? "neg_elbo" : "recon");
  out.notes = totals.units.notes(is_variational ? "-ELBO" : "recon", loss->value);
  if (totals.at_floor.count()) out.share_at_scale_floor = totals.at_floor.mean().item<double>();
  return out;
}

}  // namespace

const Metric* Evaluation::find(std::string_view name) const {
  auto it = std::find_if(metrics.begin(), metrics.end(), [&](auto& m) { return m.name == name; });
  return it == metrics.end() ? nullptr : &*it;
}

Value Evaluation::to_value() const {
  Value out;
  out["metrics"] = metrics_to_value(metrics);
  if (find("iwae")) out["metrics"]["iwae"]["samples"] = samples;
  out["examples"] = examples;
  if (!kl_per_dimension.empty()) out["kl_per_dimension"] = Value::list(kl_per_dimension);
  out["variance_of_mean"] = Value::list(variance_of_mean);
  if (!notes.empty()) out["notes"] = Value::list(notes);
  return out;
}

Evaluation evaluate(Model& model, const Pipeline& pipeline, const Dataset& data,
                    const EvalOptions& options, uint64_t seed) {
  ELBO_CHECK(options.samples == 0 || model.is_variational(), Code::usage,
             "samples: the importance-weighted bound needs the density of q(z|x), and a plain "
             "autoencoder has none\nLeave samples at 0, or train with model.posterior=diagonal.");
  ELBO_CHECK(data.size() > 0, Code::data, "nothing to evaluate: the data set is empty");
  EvalMode mode(model);
  int64_t n = options.limit > 0 ? std::min(options.limit, data.size()) : data.size();
  std::vector<int64_t> rows(static_cast<size_t>(n));
  std::iota(rows.begin(), rows.end(), 0);
  int64_t draws = options.draws > 0 ? options.draws : model.is_variational() ? bound_draws(n) : 1;
  int64_t batch_size = (options.batch + kBlock - 1) / kBlock * kBlock;
  Rng rng(seed, "eval"), importance(seed, "eval/importance");
  Totals totals;
  totals.keep_rows = options.rows;
  totals.units = units_of(model, pipeline, data);
  for_each_prepared(model, pipeline, data, rows, batch_size, [&](const Batch& batch) {
    int64_t first = totals.recon.count();
    add_bound(model, batch, draws, rng, totals);
    Rng none = rng.stream("means");
    add_means(model, batch, none, totals);
    if (options.samples > 0) {
      add_importance(model, batch, first, options.samples, importance, totals);
    }
  });
  return summarise(totals, model.is_variational(), options.samples);
}

}  // namespace elbo
