// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/config.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "elbo/tasks/presets.h"

extern "C" char** environ;

namespace elbo {

void RunConfig::fields(Fields& f) {
  f.section("data", data);
  f.section("model", model);
  f.section("objective", objective);
  f.section("train", train);
  f("eval.samples", eval.samples, "importance samples K for the bound L_K; 0 leaves it out",
    at_least(0));
  f("init", init,
    "a run or model whose weights training starts from, with its transforms, on which they depend; "
    "the data have its columns or its shape");
  f("seed", seed, "the number from which all randomness follows", at_least(0));
  f("threads", threads,
    "threads to compute with, at most 4 to a core; 0 is one for each core that may be used",
    between(0, 1024));
  f("device", device, "cpu, cuda or cuda:N");
}

namespace {

void mark_origins(const Value& values, const std::string& prefix, const std::string& origin,
                  const Fields& known, std::map<std::string, std::string>& origins) {
  for (const auto& [key, item] : values.as_table()) {
    std::string name = prefix + key;
    if (known.find(name) || !item.is_table()) {
      origins[name] = origin;
    } else {
      mark_origins(item, name + ".", origin, known, origins);
    }
  }
}

}  // namespace

ResolvedConfig resolve(const std::vector<ConfigLayer>& layers) {
  ResolvedConfig out;
  out.values = write_options(RunConfig{});
  Fields fields;
  out.config.fields(fields);
  mark_origins(out.values, "", "default", fields, out.origins);
  for (const ConfigLayer& layer : layers) {
    out.values = merge(out.values, layer.values);
    fields.read(out.values, layer.origin);
    mark_origins(layer.values, "", layer.origin, fields, out.origins);
  }
  out.values = fields.write();
  return out;
}

Value parse_text(const Field& field, const std::string& text) {
  bool is_number = field.type == "integer" || field.type == "number" || field.type == "true|false";
  bool is_list = field.type.starts_with("list") && text.starts_with("[");
  if (is_number || is_list || text.starts_with("{")) return parse_setting(text);
  return text;
}

ConfigLayer environment_layer() {
  RunConfig config;
  Fields fields;
  config.fields(fields);
  std::map<std::string, const Field*> by_variable;
  std::vector<std::string> known;
  for (const Field& field : fields.all()) {
    std::string variable = "ELBO_" + field.name;
    for (char& c : variable) c = c == '.' ? '_' : static_cast<char>(std::toupper(c));
    by_variable[variable] = &field;
    known.push_back(variable);
  }
  ConfigLayer out{"environment", Value::table()};
  for (char** entry = environ; *entry; ++entry) {
    std::string text = *entry;
    size_t equals = text.find('=');
    if (!text.starts_with("ELBO_") || equals == std::string::npos) continue;
    std::string variable = text.substr(0, equals);
    if (variable == "ELBO_DATASETS" || variable == "ELBO_ISA") continue;
    auto it = by_variable.find(variable);
    if (it == by_variable.end()) {
      std::string nearest = nearest_name(variable, known);
      fail(Code::usage, "environment: unknown variable {}{}\nUnset it, or see `elbo list options`.",
           variable, nearest.empty() ? "" : "; did you mean " + nearest + "?");
    }
    out.values.set_path(it->second->name, parse_text(*it->second, text.substr(equals + 1)));
  }
  return out;
}

namespace {

/// The share of values of the first rows that lie within a tenth of either end of 0..255.
double share_at_extremes(const Dataset& data) {
  std::vector<int64_t> rows(
      static_cast<size_t>(std::min(data.size(), rows_at_once(data.schema(), 500))));
  std::iota(rows.begin(), rows.end(), 0);
  Tensor x = data.get(rows).x;
  return (x < 25.5).logical_or(x > 229.5).to(at::kFloat).mean().item<double>();
}

std::string preset_for(const Schema& schema, const Dataset& train, std::vector<std::string>& why) {
  if (schema.kind == "table") {
    why.push_back("a table of numbers: dense networks on standardised columns");
    return "table";
  }
  bool is_small = schema.shape[1] <= 32 && schema.shape[2] <= 32;
  double share = schema.shape[0] == 1 ? share_at_extremes(train) : 0;
  if (is_small && share > 0.5) {
    why.push_back(
        fmt::format("small grey images, {:.0f} % of the pixels nearly black or white: "
                    "bernoulli likelihood on binarised pixels",
                    100 * share));
    return "vae";
  }
  why.push_back("images with shades or colours: convolutions and a gaussian likelihood");
  return "image";
}

}  // namespace

ConfigLayer suggest(const Schema& schema, const Dataset& train, const Value& upper,
                    std::vector<std::string>& why) {
  Value values = find_preset(preset_for(schema, train, why)).values;
  bool is_image = schema.kind == "image";
  if (!is_image) {
    int64_t latent = std::clamp<int64_t>(schema.size() / 2, 2, 16);
    values["model"]["latent"] = latent;
    why.push_back(fmt::format("{}: {}", counted(schema.size(), "column"),
                              counted(latent, "latent dimension")));
  }
  const Value* likelihood = upper.find_path("model.likelihood");
  if (likelihood) {  // the transform follows the likelihood that was asked for
    std::string type = Part::from_value(*likelihood).type;
    bool bounded = type == "bernoulli" || type == "continuous-bernoulli";
    Value::List steps = {is_image ? "unit" : bounded ? "min-max" : "standardise"};
    if (is_image && type == "bernoulli" && schema.shape[0] == 1) steps.push_back("binarise");
    values["data"]["transform"] = steps;
  }
  return {"data", std::move(values)};
}

}  // namespace elbo
