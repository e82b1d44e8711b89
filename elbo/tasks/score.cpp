// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/score.h"

#include <limits>

#include "elbo/eval/prepare.h"
#include "elbo/tasks/latent.h"
#include "elbo/tasks/tables.h"

namespace elbo {

void ScoreOptions::fields(Fields& f) {
  f("samples", samples, "importance samples K for the bound L_K of each row; 0 leaves it out",
    at_least(0));
  f("seed", seed, "of the noise", at_least(0));
  f("shares", shares, "beside the scores what each column of a table adds to recon, in nats");
}

Scorer::Scorer(const Run& run, DatasetPtr data, const ScoreOptions& options)
    : run_(run), data_(std::move(data)), options_(options) {
  EvalOptions all{.samples = options.samples, .rows = true, .draws = 1};
  Evaluation found = evaluate(*run.trained.model, *run.trained.pipeline, *data_, all,
                              static_cast<uint64_t>(options.seed));
  rows_ = std::move(found.rows);
  units_ = std::move(found.units);
  notes_ = std::move(found.notes);
}

std::vector<std::string> Scorer::names() const {
  std::vector<std::string> out;
  for (const char* name :
       {"neg_elbo", "neg_elbo_data_units", "recon", "kl", "iwae", "iwae_data_units"}) {
    if (rows_.count(name)) out.push_back(name);
  }
  out.push_back("reconstruction_mse");
  return out;
}

std::vector<std::string> Scorer::share_names() const {
  const Schema& schema = run_.trained.schema;
  std::vector<std::string> out;
  for (int64_t c = 0; options_.shares && schema.kind == "table" && c < schema.size(); ++c) {
    out.push_back(fmt::format("recon[{}]", column_name(schema, c)));
  }
  return out;
}

Scores Scorer::at(std::span<const int64_t> rows) const {
  Model& model = *run_.trained.model;
  EvalMode mode(model);
  Scores out;
  std::vector<Tensor> columns, errors, shares, labels;
  for (const std::string& name : names()) {
    if (!rows_.count(name)) continue;
    std::vector<double> column;
    for (int64_t row : rows) column.push_back(rows_.at(name).at(static_cast<size_t>(row)));
    columns.push_back(at::tensor(column, at::kDouble));
  }
  for_each_prepared(model, *run_.trained.pipeline, *data_, rows, kRowsTogether,
                    [&](const Batch& batch) {
                      errors.push_back(errors_of(batch));
                      if (!share_names().empty()) shares.push_back(shares_of(batch));
                      if (batch.y.defined()) labels.push_back(batch.y.to(at::kCPU));
                    });
  columns.push_back(at::cat(errors));
  out.values = at::stack(columns, 1);
  if (!shares.empty()) out.shares = at::cat(shares);
  if (!labels.empty()) out.y = at::cat(labels);
  return out;
}

Tensor Scorer::errors_of(const Batch& batch) const {
  Model& model = *run_.trained.model;
  Rng rng(static_cast<uint64_t>(options_.seed), "means");
  Tensor mean = posterior_mean(model.encode(batch, rng));
  auto px = model.decode(split_latents(mean, model.latent_sizes()), rng);
  Tensor observed = batch.mask.defined() ? batch.mask : at::ones_like(batch.x);
  Tensor squares = ((px->mean() - batch.x).square() * observed).to(at::kDouble);
  return (squares.flatten(1).sum(-1) / observed.flatten(1).sum(-1)).to(at::kCPU);
}

/// The log density of an element is that of x with all others masked.
Tensor Scorer::shares_of(const Batch& batch) const {
  Model& model = *run_.trained.model;
  Rng rng(static_cast<uint64_t>(options_.seed), "eval");  // evaluate()'s draw of z
  Pass pass = model.pass(batch, rng, {});
  std::vector<Tensor> z, out;
  for (const Latent& latent : pass.latents) z.push_back(latent.z[0]);
  auto px = model.decode(z, rng);
  for (int64_t c = 0; c < batch.x.size(1); ++c) {
    Tensor alone = at::zeros_like(batch.x);
    alone.select(1, c).fill_(1);
    Tensor share = -px->log_prob(batch.x, alone).to(at::kCPU, at::kDouble);
    if (batch.mask.defined()) {
      Tensor is_missing = batch.mask.select(1, c).to(at::kCPU) == 0;
      share.masked_fill_(is_missing, std::numeric_limits<double>::quiet_NaN());
    }
    out.push_back(share);
  }
  return at::stack(out, 1);
}

}  // namespace elbo
