// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/plan.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <optional>

#include "elbo/core/machine.h"
#include "elbo/core/metric.h"
#include "elbo/nets/network.h"
#include "elbo/tasks/run.h"
#include "elbo/tensor/convert.h"
#include "elbo/tensor/threads.h"
#include "elbo/train/footprint.h"

namespace elbo {

int64_t most_threads() {
  constexpr int64_t kToACore = 4;
  return kToACore * usable_cores();
}

void check_threads(int64_t threads) {
  ELBO_CHECK(
      threads <= most_threads(), Code::usage,
      "threads: {} asked for, but {} may be used here\nAsk for at most {}, or for 0: one for "
      "each core.",
      threads, counted(usable_cores(), "core"), most_threads());
}

int64_t set_threads(int64_t threads) {
  int64_t used = threads > 0 ? std::min(threads, most_threads()) : usable_cores();
  at::set_num_threads(static_cast<int>(used));
  let_idle_threads_sleep();
  return used;
}

void check_shape(const DataSource& data, const std::string& path, const Schema& model) {
  ELBO_CHECK(data.schema.shape == model.shape, Code::data, "{}: {}, but the model takes {}", path,
             data.schema.shape_text(), model.shape_text());
}

namespace {

/// What an autoencoder can be measured by and watched for: it has no density q(z|x) and no KL.
void settle_for_autoencoder(ResolvedConfig& resolved) {
  ELBO_CHECK(resolved.config.eval.samples == 0, Code::usage,
             "eval.samples: the importance-weighted bound needs the density of q(z|x), and a plain "
             "autoencoder has none\nSet eval.samples = 0, or train with "
             "model.posterior=diagonal.");
  if (resolved.config.train.stop_on != "neg_elbo") return;
  resolved.config.train.stop_on = "recon";
  resolved.values["train"]["stop_on"] = "recon";
  resolved.origins["train.stop_on"] = "model";
}

/// Where nothing is held out nothing can be watched, unless somebody asked for it.
void settle_without_validation(ResolvedConfig& resolved) {
  if (resolved.origins["train.patience"] != "data") return;
  resolved.config.train.patience = 0;
  resolved.values["train"]["patience"] = int64_t{0};
}

/// A model that maximises a bound of K draws is watched and measured by that bound.
void settle_for_bound(ResolvedConfig& resolved) {
  const int64_t samples = bound_samples(resolved.config.objective);
  if (samples == 1) return;
  auto settle = [&](const char* section, const char* key, auto& option, auto value) {
    option = value;
    resolved.values[section][key] = value;
    resolved.origins[fmt::format("{}.{}", section, key)] = "objective";
  };
  RunConfig& config = resolved.config;
  if (config.train.stop_on == "neg_elbo") {
    settle("train", "stop_on", config.train.stop_on, std::string("iwae"));
  }
  if (config.eval.samples == 0) settle("eval", "samples", config.eval.samples, samples);
}

constexpr int64_t kFewRows = 30;

/// Whether any two rows of a data set differ.
bool has_variation(const Dataset& data) {
  Tensor first;
  bool varies = false;
  std::vector<int64_t> rows = spaced_rows(data.size(), 0);
  auto most = static_cast<size_t>(rows_at_once(data.schema(), 1024));
  for (size_t begin = 0; begin < rows.size() && !varies; begin += most) {
    Batch batch = data.get(std::span(rows).subspan(begin, std::min(most, rows.size() - begin)));
    if (!first.defined()) first = batch.x[0].clone();
    varies = batch.x.ne(first).any().item<bool>();
  }
  return varies;
}

Value parts_value(const std::vector<Part>& parts) {
  Value::List out;
  for (const Part& part : parts) out.push_back(part.to_value());
  return out;
}

/// What a run to start from decides, in the place of what would suit the data.
ConfigLayer layer_of(const TrainedModel& first, const std::string& init, Value& suggested) {
  suggested.erase("model");
  if (Value* data = suggested.find("data")) data->erase("transform");
  ConfigLayer out{"run " + init, Value::table()};
  out.values["model"] = write_options(first.options);
  out.values["data"]["transform"] = parts_value(first.pipeline->parts());
  return out;
}

/// Throws Error(Code::usage) where another model or other transforms are asked for.
void check_same_model(const TrainedModel& first, const RunConfig& config) {
  auto check = [&](const std::string& key, const Value& asked, const Value& there) {
    ELBO_CHECK(asked == there, Code::usage,
               "{}: {} is asked for, but the weights of {} are those of {}\nLeave it out, or train "
               "without init.",
               key, to_toml_inline(asked), config.init, to_toml_inline(there));
  };
  const Value asked = write_options(config.model), all = write_options(first.options);
  for (const auto& [key, there] : all.as_table()) check("model." + key, asked.at(key), there);
  check("data.transform", parts_value(config.data.transform), parts_value(first.pipeline->parts()));
}

/// A new model, and a pipeline fitted to the training split.
TrainedModel make_fresh(const RunConfig& config, const DataSource& data) {
  TrainedModel out;
  out.options = config.model;
  out.schema = data.schema;
  out.pipeline = std::make_shared<Pipeline>(config.data.transform, data.schema);
  out.pipeline->fit(*data.train);
  Rng rng(static_cast<uint64_t>(config.seed), "model/init");
  out.model = make_model(config.model, data.schema, rng);
  return out;
}

bool is_preset(const ConfigLayer& layer) { return layer.origin.starts_with("preset "); }

/// What suits the data says nothing about models and training beneath a preset that was asked for.
void keep_data_options(Value& values) {
  for (const char* section : {"model", "objective", "train"}) values.erase(section);
}

/// What can be read before it is known which parts suit the data: an option of a part that is not
/// named is one of the part that will be chosen.
std::vector<ConfigLayer> without_model(std::vector<ConfigLayer> layers) {
  for (ConfigLayer& layer : layers) layer.values.erase("model");
  return layers;
}

/// What of the data may surprise beside what the reader says.
std::vector<std::string> notes_of(const DataSource& data, const DataOptions& options) {
  std::vector<std::string> out;
  bool is_table = !data.schema.columns.empty() || !data.column_reports.empty();
  if (is_table && !data.schema.target.empty() && options.target.empty()) {
    out.push_back(fmt::format(
        "column '{}' is taken as the labels, by its name (--target none makes it a feature)",
        data.schema.target));
  }
  int64_t rows = data.train->size();
  if (rows > 1 && rows < kFewRows) {
    out.push_back(
        fmt::format("{} to train on are few: a model will know them by heart and little else",
                    counted(rows, "row")));
  }
  return out;
}

}  // namespace

void check_trainable(const Plan& plan) {
  const std::string& path = plan.resolved.config.data.path;
  const Dataset& train = *plan.data.train;
  ELBO_CHECK(train.size() > 1, Code::data,
             "{}: one row to train on, expected two at least and better hundreds\n"
             "A model learns how rows differ.{}",
             path, plan.data.valid || plan.data.test ? " Hold fewer out: --valid 0 --test 0" : "");
  ELBO_CHECK(has_variation(train), Code::data,
             "{}: all {} rows to train on are the same\n"
             "A model learns how rows differ, and here nothing does.",
             path, train.size());
}

Plan make_plan(const std::vector<ConfigLayer>& layers) {
  Plan plan;
  RunConfig asked = resolve(without_model(layers)).config;
  check_threads(asked.threads);
  set_threads(asked.threads);
  std::optional<TrainedModel> first;
  if (!asked.init.empty()) first = open_run(asked.init).trained;
  plan.data =
      open_data(asked.data, static_cast<uint64_t>(asked.seed), first ? &first->schema : nullptr);
  Value upper = Value::table();
  for (const ConfigLayer& layer : layers) upper = merge(upper, layer.values);
  std::vector<ConfigLayer> all = {suggest(plan.data, upper, plan.why)};
  if (std::any_of(layers.begin(), layers.end(), is_preset)) {
    keep_data_options(all[0].values);
    plan.why.clear();
  }
  if (first) {
    check_shape(plan.data, asked.data.path, first->schema);
    plan.why = {fmt::format("weights and transforms of {}, on which they depend", asked.init)};
    all.push_back(layer_of(*first, asked.init, all[0].values));
  }
  all.insert(all.end(), layers.begin(), layers.end());
  plan.resolved = resolve(all);
  const RunConfig& config = plan.resolved.config;

  for (const std::string& note : notes_of(plan.data, config.data)) plan.data.notes.push_back(note);
  if (parse_device(config.device).is_cpu()) {
    check_footprint(footprint_of(config.model, config.objective, config.train, plan.data.schema,
                                 plan.data.train->size()),
                    static_cast<double>(usable_memory()));
  }
  if (first) {
    check_same_model(*first, config);
    plan.fresh = *first;
    plan.fresh.schema = plan.data.schema;
    plan.fresh.metrics = Value::table();
  } else {
    plan.fresh = make_fresh(config, plan.data);
  }
  if (!plan.fresh.model->is_variational()) settle_for_autoencoder(plan.resolved);
  plan.units = units_of(*plan.fresh.model, *plan.fresh.pipeline, *plan.data.train);
  plan.fresh.model->to(parse_device(config.device));
  settle_for_bound(plan.resolved);
  if (!plan.data.valid) settle_without_validation(plan.resolved);
  make_players(config.objective, plan.fresh.model);  // refuses what does not go together
  plan.precision = precision_for(config.train.precision);
  plan.by_operators = why_not_kernels(*plan.fresh.model);
  if (!plan.by_operators.empty()) plan.why.push_back(plan.by_operators);
  return plan;
}

}  // namespace elbo
