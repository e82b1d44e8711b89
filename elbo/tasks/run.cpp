// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/run.h"

#include <ATen/Parallel.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "elbo/core/metric.h"
#include "elbo/tensor/convert.h"

namespace elbo {

namespace {

/// Throws Error(Code::data) where the data that a run was trained on are gone.
void check_still_there(const DataOptions& own) {
  std::error_code error;
  ELBO_CHECK(own.path == "-" || own.reader.type == "shipped" || own.path.empty() ||
                 std::filesystem::exists(own.path, error),
             Code::data,
             "{} does not exist; the run was trained on it\nSay where it lies now: --data PATH",
             own.path);
}

/// The threads of a run on this machine, which may have fewer cores than where it began.
int64_t threads_here(int64_t threads, TrainListener* listener) {
  int64_t most = most_threads();
  if (threads > most && listener) {
    listener->on_note(
        fmt::format("the run had {} threads; here it goes on with {}", threads, most));
  }
  return std::min(threads, most);
}

}  // namespace

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

/// A path in words that mean the same from any folder and in any process.
std::string stored_path(const std::string& path) {
  return path == "-" ? kStandardInputPath : std::filesystem::absolute(path).string();
}

/// Everything decided, and where the data lies in words that mean the same from any folder.
Value stored_values(const Plan& plan) {
  Value out = plan.resolved.values;
  if (plan.data.format == "shipped") {
    out["data"]["reader"] = "shipped";
  } else {
    out["data"]["path"] = stored_path(plan.resolved.config.data.path);
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
  // Of runs from before there were linear paths, which now suit some data.
  if (out.find("model") && !out["model"].find("linear")) out["model"]["linear"] = false;
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
  config["data"]["path"] = stored_path(moved.path);
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
  check_still_there(read_options<RunConfig>(config, where).data);
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
             "{} is not what the run began with\nRestore the file, say where it lies now with "
             "--data PATH, "
             "or train anew.",
             path);
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
  if (is_own) check_still_there(options);
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
