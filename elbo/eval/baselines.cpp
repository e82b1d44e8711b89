// SPDX-License-Identifier: Apache-2.0
#include "elbo/eval/baselines.h"

#include <cmath>
#include <functional>

#include "elbo/eval/moments.h"
#include "elbo/prob/factor_analysis.h"
#include "elbo/prob/likelihood.h"

namespace elbo {
namespace {

constexpr int64_t kMostRows = 10000;       // that are fitted
constexpr int64_t kMostFullColumns = 200;  // of a full covariance matrix
constexpr int64_t kRowsForColumn = 5;      // rows for each of its columns at least
constexpr int64_t kBatch = 1000;

/// x and mask [N, D], mask undefined where all is observed.
struct Rows {
  Tensor x, mask;
};

Rows flat(const Batch& batch) {
  return {batch.x.flatten(1), batch.mask.defined() ? batch.mask.flatten(1) : Tensor()};
}

/// log p(x) [B] and a reconstruction [B, D] of some rows; no density: undefined.
struct Answer {
  Tensor log_prob, reconstruction;
};

struct Candidate {
  std::string name;
  bool has_latents;
  std::function<Answer(const Rows&)> answer;
  Moments neg_log = {}, mse = {};
};

class Baselines {
 public:
  Baselines(const ModelOptions& options, const Schema& schema)
      : latent_(options.latent),
        schema_(schema),
        likelihood_(likelihoods().make(options.likelihood, schema)) {}

  void fit(const Batch& train) {
    Rows rows = flat(train);
    bool is_normal = likelihood_->as_factor_analysis().has_value();
    add_independent(train, rows, is_normal);
    if (is_normal) add_full(rows);
    if (is_normal && schema_.kind == "table") {
      add_linear("factor analysis", "factor", NoiseForm::per_element, rows, true);
    } else {
      add_linear("PCA", "component", NoiseForm::shared, rows, is_normal);
    }
  }

  void measure(const Batch& batch) {
    Rows rows = flat(batch);
    Tensor observed = rows.mask.defined() ? rows.mask : at::ones_like(rows.x);
    Tensor count = observed.sum(1);
    for (Candidate& c : candidates_) {
      Answer a = c.answer(rows);
      if (a.log_prob.defined()) c.neg_log.add(-a.log_prob);
      Tensor squares = ((a.reconstruction - rows.x).square() * observed).sum(1) / count;
      c.mse.add(squares.masked_select(count > 0));
    }
  }

  std::vector<Baseline> summary() const {
    std::vector<Baseline> out;
    for (const Candidate& c : candidates_) {
      Baseline b{c.name, std::nullopt, c.mse.mean().item<double>(), c.has_latents};
      if (c.neg_log.count() > 0) {
        b.neg_log = Metric{"neg_log_prob", c.neg_log.mean().item<double>(),
                           c.neg_log.standard_error(), "nats", "-log p(x)"};
      }
      out.push_back(std::move(b));
    }
    return out;
  }

 private:
  FactorOptions options(NoiseForm form, int64_t latent) const {
    return {latent, form, 1, kGaussianScaleFloor * kGaussianScaleFloor};
  }

  void add_independent(const Batch& train, const Rows& rows, bool is_normal) {
    std::string name = schema_.kind == "image" ? "independent pixels" : "independent columns";
    FactorAnalysis f = fit_factor_analysis(rows.x, rows.mask, options(NoiseForm::per_element, 0),
                                           Rng(0, "baselines"));
    if (is_normal) {
      return add(name, false, [f](const Rows& r) {
        return Answer{f.log_prob(r.x, r.mask), f.mean.expand_as(r.x)};
      });
    }
    // A decoder that knows nothing: its bias alone, at the data's means.
    auto event = train.x.sizes().slice(1);
    Tensor bias = likelihood_->output_bias(f.mean.view(event), f.noise.view(event)).to(at::kFloat);
    add(name, false, [this, bias, event = event.vec(), f](const Rows& r) {
      std::vector<int64_t> shape = event;
      shape.insert(shape.begin(), r.x.size(0));
      Tensor parameters = at::stack(std::vector<Tensor>(size_t(r.x.size(0)), bias));
      auto p = likelihood_->distribution(parameters);
      return Answer{p->log_prob(r.x.view(shape), r.mask.defined() ? r.mask.view(shape) : r.mask),
                    f.mean.expand_as(r.x)};
    });
  }

  void add_full(const Rows& rows) {
    const int64_t d = rows.x.size(1);
    if (rows.mask.defined() || d > kMostFullColumns || rows.x.size(0) < kRowsForColumn * d) return;
    FullGaussian g = fit_full_gaussian(rows.x, kGaussianScaleFloor * kGaussianScaleFloor);
    add("full covariance", false, [g](const Rows& r) {
      return Answer{r.mask.defined() ? Tensor() : g.log_prob(r.x), g.mean.expand_as(r.x)};
    });
  }

  void add_linear(const char* name, const char* noun, NoiseForm form, const Rows& rows,
                  bool has_density) {
    FactorAnalysis f =
        fit_factor_analysis(rows.x, rows.mask, options(form, latent_), Rng(0, "baselines"));
    add(fmt::format("{}, {}", name, counted(latent_, noun)), true, [f, has_density](const Rows& r) {
      Tensor means = f.posterior_mean(r.x, r.mask).mm(f.loadings.t()) + f.mean;
      return Answer{has_density ? f.log_prob(r.x, r.mask) : Tensor(), means};
    });
  }

  void add(std::string name, bool has_latents, std::function<Answer(const Rows&)> answer) {
    candidates_.push_back({std::move(name), has_latents, std::move(answer)});
  }

  int64_t latent_;
  const Schema& schema_;
  std::shared_ptr<Likelihood> likelihood_;
  std::vector<Candidate> candidates_;
};

}  // namespace

std::vector<Baseline> fit_baselines(const ModelOptions& options, const Pipeline& pipeline,
                                    const Dataset& train, const Dataset& held_out) {
  at::NoGradGuard no_grad;
  TransformNoise noise = TransformNoise::for_evaluation();
  Baselines out(options, train.schema());
  std::vector<int64_t> rows =
      spaced_rows(train.size(), rows_at_once(train.schema(), std::min(train.size(), kMostRows)));
  out.fit(pipeline.apply(train.get_stored(rows), noise));
  for_each_batch(held_out, rows_at_once(train.schema(), kBatch),
                 [&](Batch batch) { out.measure(pipeline.apply(std::move(batch), noise)); });
  return out.summary();
}

Value baselines_to_value(const std::vector<Baseline>& baselines) {
  Value::List out;
  for (const Baseline& b : baselines) {
    Value one;
    one["name"] = b.name;
    if (b.neg_log) {
      one["neg_log_prob"] = b.neg_log->value;
      one["se"] = b.neg_log->se;
    }
    one["reconstruction_mse"] = b.mse;
    one["has_latents"] = b.has_latents;
    out.push_back(std::move(one));
  }
  return out;
}

std::vector<Baseline> baselines_from_value(const Value& value) {
  std::vector<Baseline> out;
  for (const Value& one : value.as_list()) {
    Baseline b{one.at("name").as_string(), std::nullopt, one.at("reconstruction_mse").as_number(),
               one.at("has_latents").as_bool()};
    if (one.find("neg_log_prob")) {
      b.neg_log = Metric{"neg_log_prob", one.at("neg_log_prob").as_number(),
                         one.at("se").is_null() ? std::nan("") : one.at("se").as_number(), "nats",
                         "-log p(x)"};
    }
    out.push_back(std::move(b));
  }
  return out;
}

}  // namespace elbo
