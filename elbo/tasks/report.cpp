// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/report.h"

#include "elbo/tasks/latent.h"

namespace elbo {
namespace {

constexpr int64_t kTrainExamples = 2000;

/// "epoch 39: test -ELBO 97.9 nats = 0.180 bits/dim; 19 of 20 latent dimensions active"; of
/// densities "test -ELBO 13.4 nats (standardised columns), 25.1 nats (data's own units); ...".
std::string headline_of(const Run& run, const Evaluation& evaluation, const std::string& split) {
  const Value* epoch = run.trained.metrics.find("epoch");
  std::string out = epoch ? fmt::format("epoch {}: ", epoch->as_integer()) : "";
  const Metric* neg_elbo = evaluation.find("neg_elbo");
  const Metric* shown = neg_elbo ? neg_elbo : evaluation.find("recon");
  out += fmt::format("{} {} {}", split, neg_elbo ? evaluation.units.loss_name() : "reconstruction",
                     format_metric(*shown));
  const Metric* own = evaluation.find("neg_elbo_data_units");
  if (own && own->unit != shown->unit) out += ", " + format_metric(*own);
  if (const Metric* bits = evaluation.find("bits_per_dim")) {
    out += fmt::format(" = {:.3f} {}", bits->value, bits->unit);
  }
  if (const Metric* iwae = evaluation.find("iwae")) {
    out += fmt::format("; -L_{} {}", evaluation.samples, format_metric(*iwae));
  }
  if (const Metric* active = evaluation.find("active_units")) {
    out += fmt::format("; {} of {} latent dimensions active", active->value,
                       evaluation.variance_of_mean.size());
  }
  return out;
}

}  // namespace

namespace {

/// Of the run's own data: those in the run folder if they are of this split, else fitted and kept
/// there where that is allowed and the folder can be written to.
std::vector<Baseline> baselines_of(const Run& run, const DataSource& data, const Dataset& held_out,
                                   const std::string& split, bool may_keep) {
  Path path = run.folder / "baselines.json";
  Value key;
  key["data"] = data.fingerprint;
  key["split"] = split;
  key["model"] = write_options(run.trained.options);
  try {
    Value kept = parse_json(read_text(path), path.string());
    if (kept.at("of") == key) return baselines_from_value(kept.at("baselines"));
  } catch (const Error&) {  // none, or of another kind
  }
  std::vector<Baseline> out =
      fit_baselines(run.trained.options, *run.trained.pipeline, *data.train, held_out);
  if (!may_keep) return out;
  Value kept;
  kept["of"] = key;
  kept["baselines"] = baselines_to_value(out);
  try {
    write_file(path, to_json(kept, 2) + "\n");
  } catch (const Error&) {  // a folder that is only read
  }
  return out;
}

}  // namespace

TextTable baseline_table(const RunSummary& summary) {
  const Evaluation& e = summary.evaluation;
  const Metric *ours = e.find("neg_elbo"), *mse = e.find("reconstruction_mse");
  const bool has_own_units = e.units.log_slope.defined() && e.units.nats() != kDataUnits;
  TextTable out{{"", e.units.nats()}, {}};
  if (has_own_units) out.header.push_back(kDataUnits);
  out.header.push_back(fmt::format("squared error ({})", e.units.of_x));
  auto add = [&](const std::string& name, const Metric* nats, double error) {
    NumberText number = nats ? format_number(nats->value, nats->se) : NumberText{};
    Row row = {name, number.value + (number.se.empty() ? "" : " ± " + number.se)};
    if (has_own_units) {
      row.push_back(nats ? format_number(nats->value + e.to_data_units).value : "");
    }
    row.push_back(format_number(error).value);
    out.rows.push_back(std::move(row));
  };
  add("this model", ours, mse ? mse->value : 0);
  for (const Baseline& b : summary.baselines) {
    add(b.name, b.neg_log ? &*b.neg_log : nullptr, b.mse);
  }
  return out;
}

Value RunSummary::to_value() const {
  Value out = evaluation.to_value();
  out["run"] = folder.string();
  out["split"] = split;
  Value simple = baselines_to_value(baselines);
  for (Value& one : simple.as_list()) {
    if (!evaluation.units.log_slope.defined() || !one.find("neg_log_prob")) continue;
    one["neg_log_prob_data_units"] = one["neg_log_prob"].as_number() + evaluation.to_data_units;
  }
  out["baselines"] = std::move(simple);
  out["unit"] = evaluation.units.nats();
  out["findings"] = findings_to_value(findings);
  if (!report.empty()) out["report"] = report.string();
  return out;
}

std::string model_text(const Run& run) {
  const TrainedModel& t = run.trained;
  std::string parameters = format_number(static_cast<double>(parameter_count(*t.model))).value;
  return fmt::format("{} on {}: {}, {}, {} posterior, {} likelihood, {} parameters",
                     t.options.kind.type, t.schema.name, t.schema.shape_text(),
                     counted(t.options.latent, "latent dimension"), t.options.posterior.type,
                     t.options.likelihood.type, parameters);
}

Recipe recipe_of(const ModelOptions& model, const ObjectiveOptions& o) {
  return {model, {o.bound.type != "iwae", o.beta, o.beta_schedule.type != "constant", o.free_bits}};
}

RunSummary summarise(const Path& folder, bool wants_report, const DataSource* opened) {
  Run run = open_run(folder);
  set_threads(run.config.threads);
  DataSource data = opened ? *opened : open_for(run, "");
  RunSummary out;
  out.folder = folder;
  DatasetPtr held_out = held_out_split(data, out.split);
  Model& model = *run.trained.model;
  const Pipeline& pipeline = *run.trained.pipeline;
  auto seed = static_cast<uint64_t>(run.config.seed);
  out.evaluation = evaluate(model, pipeline, *held_out, run.config.eval, seed);
  DatasetPtr seen = subset(data.train, spaced_rows(data.train->size(), kTrainExamples));
  out.on_train = evaluate(model, pipeline, *seen, EvalOptions{}, seed);
  out.baselines = baselines_of(run, data, *held_out, out.split, wants_report || opened);
  out.findings =
      diagnose(out.evaluation, out.split == "train" ? nullptr : &out.on_train, out.baselines, model,
               run.trained.schema, recipe_of(run.trained.options, run.config.objective));
  out.headline = headline_of(run, out.evaluation, out.split);
  if (wants_report) out.report = write_report(run, data, out);
  return out;
}

}  // namespace elbo
