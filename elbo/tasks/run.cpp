// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/run.h"

#include <ATen/Parallel.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "elbo/core/machine.h"
#include "elbo/core/metric.h"
#include "elbo/nets/network.h"
#include "elbo/tensor/convert.h"
#include "elbo/tensor/threads.h"
#include "elbo/train/footprint.h"

namespace elbo {

namespace {

constexpr int64_t kThreadsToACore = 4;

}  // namespace

void check_threads(int64_t threads) {
  int64_t cores = usable_cores();
  ELBO_CHECK(
      threads <= kThreadsToACore * cores, Code::usage,
      "threads: {} asked for, but {} may be used here\nAsk for at most {}, or for 0: one for "
      "each core.",
      threads, counted(cores, "core"), kThreadsToACore * cores);
}

int64_t set_threads(int64_t threads) {
  int64_t cores = usable_cores();
  int64_t used = threads > 0 ? std::min(threads, kThreadsToACore * cores) : cores;
  at::set_num_threads(static_cast<int>(used));
  let_idle_threads_sleep();
  return used;
}

namespace {

void check_shape(const DataSource& data, const std::string& path, const Schema& model) {
  ELBO_CHECK(data.schema.shape == model.shape, Code::data, "{}: {}, but the model takes {}", path,
             data.schema.shape_text(), model.shape_text());
}

/// The threads of a run on this machine, which may have fewer cores than where it began.
int64_t threads_here(int64_t threads, TrainListener* listener) {
  int64_t most = kThreadsToACore * usable_cores();
  if (threads > most && listener) {
    listener->on_note(
        fmt::format("the run had {} threads; here it goes on with {}", threads, most));
  }
  return std::min(threads, most);
}

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

}  // namespace

namespace {

bool is_preset(const ConfigLayer& layer) { return layer.origin.starts_with("preset "); }

/// What suits the data says nothing about models and training beneath a preset that was asked for.
void keep_data_options(Value& values) {
  for (const char* section : {"model", "objective", "train"}) values.erase(section);
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
  RunConfig asked = resolve(layers).config;
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

  const Schema& schema = plan.data.schema;
  bool is_table = !schema.columns.empty() || !plan.data.column_reports.empty();
  if (is_table && !schema.target.empty() && config.data.target.empty()) {
    plan.data.notes.push_back(fmt::format(
        "column '{}' is taken as the labels, by its name (--target none makes it a feature)",
        schema.target));
  }
  int64_t rows = plan.data.train->size();
  if (rows > 1 && rows < kFewRows) {
    plan.data.notes.push_back(
        fmt::format("{} to train on are few: a model will know them by heart and little else",
                    counted(rows, "row")));
  }

  if (parse_device(config.device).is_cpu()) {
    check_footprint(
        footprint_of(config.model, config.objective, config.train, schema, plan.data.train->size()),
        static_cast<double>(usable_memory()));
  }
  if (first) {
    check_same_model(*first, config);
    plan.fresh = *first;
    plan.fresh.schema = schema;
    plan.fresh.metrics = Value::table();
  } else {
    plan.fresh = make_fresh(config, plan.data);
  }
  if (!plan.fresh.model->is_variational()) settle_for_autoencoder(plan.resolved);
  plan.fresh.model->to(parse_device(config.device));
  settle_for_bound(plan.resolved);
  if (!plan.data.valid) settle_without_validation(plan.resolved);
  make_players(config.objective, plan.fresh.model);  // refuses what does not go together
  plan.precision = precision_for(config.train.precision);
  plan.by_operators = why_not_kernels(*plan.fresh.model);
  if (!plan.by_operators.empty()) plan.why.push_back(plan.by_operators);
  return plan;
}

namespace {

/// samples: draws of the bound that is maximised.
HeldOut held_out_terms(Model& model, const Pipeline& pipeline, const Dataset& data,
                       int64_t samples) {
  Evaluation evaluation =
      evaluate(model, pipeline, data, {.samples = samples > 1 ? samples : 0, .rows = true}, 0);
  HeldOut out({}, std::move(evaluation.rows));
  for (const Metric& m : evaluation.metrics) out.terms[m.name] = m.value;
  return out;
}

TrainContext context_of(const Plan& plan, const Path& folder, TrainListener* listener,
                        const std::atomic<bool>* stop) {
  const RunConfig& config = plan.resolved.config;
  return {
      plan.fresh,
      plan.data,
      config.train,
      config.objective,
      static_cast<uint64_t>(config.seed),
      parse_device(config.device),
      folder,
      [samples = bound_samples(config.objective)](Model& m, const Pipeline& p, const Dataset& d) {
        return held_out_terms(m, p, d, samples);
      },
      listener,
      stop,
      !config.init.empty()};
}

Value run_description(const Plan& plan) {
  char host[256] = "";
  gethostname(host, sizeof host - 1);
  Value out;
  out["format"] = "elbo run";
  out["version"] = 1;
  out["elbo"] = ELBO_VERSION;
  out["libtorch"] = TORCH_VERSION;
  out["host"] = host;
  out["threads"] = static_cast<int64_t>(at::get_num_threads());
  out["seed"] = plan.resolved.config.seed;
  if (!plan.resolved.config.init.empty()) out["init"] = plan.resolved.config.init;
  out["data"]["format"] = plan.data.format;
  out["data"]["sha256"] = plan.data.fingerprint;
  out["data"]["train"] = plan.data.train->size();
  out["data"]["valid"] = plan.data.valid ? plan.data.valid->size() : 0;
  out["data"]["test"] = plan.data.test ? plan.data.test->size() : 0;
  out["data"]["notes"] = Value::list(plan.data.notes);
  Value::List columns;
  for (const ColumnReport& column : plan.data.column_reports) columns.push_back(column.to_value());
  out["data"]["columns"] = columns;
  const std::array<int64_t, 1> first = {0};
  out["data"]["has_missing"] = plan.data.train->get_stored(first).mask.defined();
  return out;
}

/// Everything decided, and where the data lies in words that mean the same from any folder.
Value stored_values(const Plan& plan) {
  Value out = plan.resolved.values;
  if (plan.data.format == "shipped") {
    out["data"]["reader"] = "shipped";
  } else {
    out["data"]["path"] = std::filesystem::absolute(plan.resolved.config.data.path).string();
  }
  const std::string& init = plan.resolved.config.init;
  if (!init.empty()) out["init"] = std::filesystem::absolute(init).string();
  return out;
}

}  // namespace

RunResult train_run(Plan& plan, const Path& parent, const std::string& name,
                    TrainListener* listener, const std::atomic<bool>* stop) {
  check_trainable(plan);
  Value values = stored_values(plan);
  bool made_parent = !std::filesystem::exists(parent);
  Path folder = make_unique_folder(parent, name).lexically_normal();
  FolderLock lock(folder);
  if (listener && folder.filename() != name) {
    listener->on_note(fmt::format("{} is there already: this run is written to {}",
                                  (parent / name).lexically_normal().string(), folder.string()));
  }
  try {
    write_file(folder / "run.json", to_json(run_description(plan), 2) + "\n");
    write_file(folder / "config.toml", to_toml(values));
    TrainContext context = context_of(plan, folder, listener, stop);
    return {folder, train(context, false), plan.data};
  } catch (...) {
    // What was refused before the first step leaves nothing behind.
    std::error_code ignored;
    if (!std::filesystem::exists(folder / "metrics.jsonl")) {
      std::filesystem::remove_all(folder, ignored);
      if (made_parent) std::filesystem::remove(parent, ignored);  // when it is empty
    }
    throw;
  }
}

namespace {

Value config_values(const Path& folder) {
  Path config = folder / "config.toml";
  ELBO_CHECK(std::filesystem::exists(folder), Code::usage,
             "{} does not exist\nName a folder that `elbo train` made.", folder.string());
  ELBO_CHECK(std::filesystem::exists(config), Code::usage,
             "{} is no run folder: it has no config.toml\nName a folder that `elbo train` made.",
             folder.string());
  Value out = parse_toml(read_text(config), config.string());
  // Of runs from before there was one engine.
  if (out.find("train")) {
    for (const char* key : {"engine", "check_engine"}) out["train"].erase(key);
  }
  // Of runs from before every reader could leave columns out.
  Value* reader = out.find("data") ? out["data"].find("reader") : nullptr;
  if (reader && reader->is_table() && reader->find("drop")) {
    out["data"]["drop"] = *reader->find("drop");
    reader->erase("drop");
  }
  return out;
}

}  // namespace

RunConfig open_config(const Path& folder) {
  return read_options<RunConfig>(config_values(folder), (folder / "config.toml").string());
}

namespace {

/// The configuration with what is asked of a resumed run.
Value with_options(Value config, const ResumeOptions& asked, const std::string& where) {
  if (asked.epochs > 0) config["train"]["epochs"] = asked.epochs;
  if (asked.patience >= 0) config["train"]["patience"] = asked.patience;
  if (asked.data.empty()) return config;
  DataOptions moved = read_options<RunConfig>(config, where).data;
  move_data(moved, asked.data);
  config["data"]["path"] = std::filesystem::absolute(moved.path).string();
  config["data"]["reader"] = moved.reader.to_value();
  return config;
}

void check_epochs(const Path& last, int64_t asked) {
  Path file = last / "state.json";
  Value state = parse_json(read_text(file), file.string(), Code::model);
  const Value* done = state.find_path("progress.epoch");
  ELBO_CHECK(!done || !done->is_integer() || done->as_integer() < asked, Code::usage,
             "epochs: {} in all are asked for, but {} are done\nAsk for more than that.", asked,
             done->as_integer());
}

}  // namespace

RunResult resume_run(const Path& folder, TrainListener* listener, const std::atomic<bool>* stop,
                     const ResumeOptions& asked) {
  const std::string where = (folder / "config.toml").string();
  const Value before = config_values(folder);
  FolderLock lock(folder);
  for (const char* name : {"best", "last"}) recover_folder(folder / name);
  const bool has_checkpoint = std::filesystem::exists(folder / "last");
  const Value config = with_options(before, asked, where);
  Value planned = config;
  if (has_checkpoint) planned.erase("init");  // the checkpoint has the weights
  planned["threads"] = threads_here(read_options<RunConfig>(config, where).threads, listener);
  Plan plan = make_plan({{where, planned}});
  check_unchanged(folder, plan.resolved.config.data.path, plan.data);
  if (has_checkpoint && asked.epochs > 0) check_epochs(folder / "last", asked.epochs);
  if (config != before) write_file(folder / "config.toml", to_toml(config));
  TrainContext context = context_of(plan, folder, listener, stop);
  return {folder, train(context, has_checkpoint), plan.data};
}

void check_unchanged(const Path& folder, const std::string& path, const DataSource& data) {
  Path described = folder / "run.json";
  Value then = parse_json(read_text(described), described.string());
  ELBO_CHECK(then.at("data").at("sha256").as_string() == data.fingerprint, Code::data,
             "{} has changed since the run began\nRestore the file, or train anew.", path);
}

Run open_run(const Path& folder) {
  ELBO_CHECK(std::filesystem::exists(folder), Code::model,
             "{} does not exist\nName a run folder that `elbo train` made, or a model folder.",
             folder.string());
  Run out{folder, {}, {}};
  if (std::filesystem::exists(folder / "config.toml")) out.config = open_config(folder);
  for (const char* name : {"best", "last", "."}) {
    Path candidate = settled_folder(folder / name);
    if (!std::filesystem::exists(candidate / "model.json")) continue;
    out.trained = read_model(candidate);
    return out;
  }
  fail(Code::model,
       "{} holds no model: neither best/model.json nor last/model.json nor model.json\nName a run "
       "folder that `elbo train` made, or a model folder.",
       folder.string());
}

DatasetPtr held_out_split(const DataSource& data, std::string& name) {
  for (auto& [split, split_name] : {std::pair(data.test, "test"), std::pair(data.valid, "valid")}) {
    if (!split || split->size() == 0) continue;
    name = split_name;
    return split;
  }
  name = "train";
  return data.train;
}

bool is_own_data(const Run& run, const std::string& path) {
  const DataOptions& own = run.config.data;
  if (path.empty()) return true;
  auto shipped = readers().make("shipped");
  if (own.reader.type == "shipped" || shipped->accepts(own.path, {})) {
    return path == own.path && shipped->accepts(path, {});
  }
  std::error_code error;
  return std::filesystem::equivalent(path, own.path, error);
}

DataSource open_for(const Run& run, const std::string& path) {
  DataOptions options = run.config.data;
  bool is_own = is_own_data(run, path);
  if (!is_own) {  // whole, not split again
    options.path = path;
    std::string reader = reader_for(path);
    bool other = !reader.empty() && reader != options.reader.type;
    if (other || options.reader.type == "shipped") options.reader = "auto";
    options.valid = options.test = 0;
    options.limit = 0;
  }
  const Schema* model = is_own ? nullptr : &run.trained.schema;
  DataSource data = open_data(options, static_cast<uint64_t>(run.config.seed), model);
  if (is_own) check_unchanged(run.folder, options.path, data);
  check_shape(data, options.path, run.trained.schema);
  return data;
}

void move_data(DataOptions& options, const std::string& path) {
  if (path.empty()) return;
  options.path = path;
  if (options.reader.type == "shipped") options.reader = "auto";
}

}  // namespace elbo
