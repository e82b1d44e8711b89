// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/run.h"

#include <ATen/Parallel.h>
#include <torch/version.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "elbo/tensor/convert.h"

namespace elbo {

int64_t set_threads(int64_t threads) {
  auto cores = std::max<int64_t>(1, std::thread::hardware_concurrency());
  int64_t used = threads > 0 ? threads : cores;
  at::set_num_threads(static_cast<int>(used));
  return used;
}

Plan make_plan(const std::vector<ConfigLayer>& layers) {
  Plan plan;
  RunConfig asked = resolve(layers).config;
  set_threads(asked.threads);
  plan.data = open_data(asked.data, static_cast<uint64_t>(asked.seed));
  Value upper = Value::table();
  for (const ConfigLayer& layer : layers) upper = merge(upper, layer.values);
  std::vector<ConfigLayer> all = {suggest(plan.data.schema, *plan.data.train, upper, plan.why)};
  all.insert(all.end(), layers.begin(), layers.end());
  plan.resolved = resolve(all);
  const RunConfig& config = plan.resolved.config;

  plan.fresh.options = config.model;
  plan.fresh.schema = plan.data.schema;
  plan.fresh.pipeline = std::make_shared<Pipeline>(config.data.transform, plan.data.schema);
  plan.fresh.pipeline->fit(*plan.data.train);
  Rng rng(static_cast<uint64_t>(config.seed), "model/init");
  plan.fresh.model = make_model(config.model, plan.data.schema, rng);
  return plan;
}

namespace {

std::map<std::string, double> held_out_terms(Model& model, const Pipeline& pipeline,
                                             const Dataset& data) {
  std::map<std::string, double> out;
  for (const Metric& m : evaluate(model, pipeline, data, EvalOptions{}, 0).metrics) {
    out[m.name] = m.value;
  }
  return out;
}

TrainContext context_of(const Plan& plan, const Path& folder, TrainListener* listener,
                        const std::atomic<bool>* stop) {
  const RunConfig& config = plan.resolved.config;
  return {plan.fresh,
          plan.data,
          config.train,
          config.objective,
          static_cast<uint64_t>(config.seed),
          parse_device(config.device),
          folder,
          held_out_terms,
          listener,
          stop};
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
  out["data"]["format"] = plan.data.format;
  out["data"]["sha256"] = plan.data.fingerprint;
  out["data"]["train"] = plan.data.train->size();
  out["data"]["valid"] = plan.data.valid ? plan.data.valid->size() : 0;
  out["data"]["test"] = plan.data.test ? plan.data.test->size() : 0;
  return out;
}

}  // namespace

RunResult train_run(Plan& plan, const Path& parent, const std::string& name,
                    TrainListener* listener, const std::atomic<bool>* stop) {
  bool made_parent = !std::filesystem::exists(parent);
  Path folder = make_unique_folder(parent, name).lexically_normal();
  FolderLock lock(folder);
  try {
    // Resolved and absolute, so that the run can be resumed from anywhere.
    Value values = plan.resolved.values;
    std::string path = plan.resolved.config.data.path;
    if (std::filesystem::exists(path)) path = std::filesystem::absolute(path).string();
    values["data"]["path"] = path;
    write_file(folder / "run.json", to_json(run_description(plan), 2) + "\n");
    write_file(folder / "config.toml", to_toml(values));
    TrainContext context = context_of(plan, folder, listener, stop);
    return {folder, train(context, false)};
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
  ELBO_CHECK(std::filesystem::exists(config), Code::usage,
             "{} is no run folder: it has no config.toml\nName a folder that `elbo train` made.",
             folder.string());
  return parse_toml(read_text(config), config.string());
}

}  // namespace

RunConfig open_config(const Path& folder) {
  return read_options<RunConfig>(config_values(folder), (folder / "config.toml").string());
}

RunResult resume_run(const Path& folder, TrainListener* listener, const std::atomic<bool>* stop) {
  Value config = config_values(folder);
  FolderLock lock(folder);
  Plan plan = make_plan({{(folder / "config.toml").string(), config}});
  Value described = parse_json(read_text(folder / "run.json"), (folder / "run.json").string());
  ELBO_CHECK(described.at("data").at("sha256").as_string() == plan.data.fingerprint, Code::data,
             "{} has changed since the run began\nRestore the file, or train anew.",
             plan.resolved.config.data.path);
  TrainContext context = context_of(plan, folder, listener, stop);
  bool has_checkpoint = std::filesystem::exists(folder / "last");
  return {folder, train(context, has_checkpoint)};
}

Run open_run(const Path& folder) {
  Run out{folder, {}, {}};
  if (std::filesystem::exists(folder / "config.toml")) out.config = open_config(folder);
  for (const char* name : {"best", "last", "."}) {
    Path candidate = folder / name;
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

DataSource open_for(const Run& run, const std::string& path) {
  DataOptions options = run.config.data;
  if (!path.empty()) {
    options.path = path;
    if (path != run.config.data.path) {  // whole, not split again
      options.reader = Part("auto");
      options.valid = options.test = 0;
      options.limit = 0;
    }
  }
  DataSource data = open_data(options, static_cast<uint64_t>(run.config.seed));
  ELBO_CHECK(data.schema.shape == run.trained.schema.shape, Code::data,
             "{}: {}, but the model takes {}", options.path, data.schema.shape_text(),
             run.trained.schema.shape_text());
  return data;
}

}  // namespace elbo
