// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/report.h"

#include <algorithm>
#include <cmath>

namespace elbo {
namespace {

const Metric* find(const Evaluation& evaluation, const std::string& name) {
  for (const Metric& m : evaluation.metrics) {
    if (m.name == name) return &m;
  }
  return nullptr;
}

/// "epoch 39: test -ELBO 97.9 nats = 0.180 bits/dim; 19 of 20 latent dimensions active".
std::string headline_of(const Run& run, const Evaluation& evaluation, const std::string& split) {
  const Value* epoch = run.trained.metrics.find("epoch");
  std::string out = epoch ? fmt::format("epoch {}: ", epoch->as_integer()) : "";
  const Metric* neg_elbo = find(evaluation, "neg_elbo");
  const Metric* shown = neg_elbo ? neg_elbo : find(evaluation, "recon");
  out += fmt::format("{} {} {}", split, neg_elbo ? "-ELBO" : "reconstruction", format_metric(*shown));
  if (const Metric* bits = find(evaluation, "bits_per_dim")) {
    out += fmt::format(" = {:.3f} bits/dim", bits->value);
  }
  if (const Metric* active = find(evaluation, "active_units")) {
    out += fmt::format("; {} of {} latent dimensions active", active->value,
                       evaluation.variance_of_mean.size());
  }
  return out;
}

}  // namespace

Value RunSummary::to_value() const {
  Value out = evaluation.to_value();
  out["run"] = folder.string();
  out["split"] = split;
  if (!report.empty()) out["report"] = report.string();
  return out;
}

RunSummary summarise(const Path& folder, bool) {
  Run run = open_run(folder);
  set_threads(run.config.threads);
  DataSource data = open_for(run, "");
  RunSummary out;
  out.folder = folder;
  DatasetPtr held_out = held_out_split(data, out.split);
  out.evaluation = evaluate(*run.trained.model, *run.trained.pipeline, *held_out, run.config.eval,
                            static_cast<uint64_t>(run.config.seed));
  out.headline = headline_of(run, out.evaluation, out.split);
  return out;
}

}  // namespace elbo
