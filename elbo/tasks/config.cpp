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

/// Whether all values are one of two: black and white, or 0 and 1 in a table.
bool is_binary(const Dataset& data) {
  const Schema& schema = data.schema();
  const ValueRange ends = schema.kind == "image" ? schema.range : ValueRange{0, 1};
  int64_t some = rows_at_once(schema, 1024);
  for (int64_t begin = 0; begin < data.size(); begin += some) {
    std::vector<int64_t> rows(static_cast<size_t>(std::min(some, data.size() - begin)));
    std::iota(rows.begin(), rows.end(), begin);
    Batch batch = data.get(rows);
    Tensor known = (batch.x == ends.lo).logical_or(batch.x == ends.hi);
    if (batch.mask.defined()) known = known.logical_or(batch.mask == 0);
    if (!known.all().item<bool>()) return false;
  }
  return true;
}

/// The share of values of the first rows that lie within a tenth of black or white.
double share_at_extremes(const Dataset& data) {
  const ValueRange& range = data.schema().range;
  double tenth = 0.1 * (range.hi - range.lo);
  std::vector<int64_t> rows(
      static_cast<size_t>(std::min(data.size(), rows_at_once(data.schema(), 500))));
  std::iota(rows.begin(), rows.end(), 0);
  Tensor x = data.get(rows).x;
  return (x < range.lo + tenth)
      .logical_or(x > range.hi - tenth)
      .to(at::kFloat)
      .mean()
      .item<double>();
}

std::string preset_for(const Schema& schema, const Dataset& train, bool binary,
                       std::vector<std::string>& why) {
  if (schema.kind == "table") {
    why.push_back(binary ? "a table of zeros and ones: dense networks and a bernoulli likelihood"
                         : "a table of numbers: dense networks on standardised columns");
    return "table";
  }
  bool is_small = schema.shape[1] <= 32 && schema.shape[2] <= 32;
  bool has_few_levels = schema.range.hi - schema.range.lo <= 255;  // else binarising loses too much
  double share = schema.shape[0] == 1 && has_few_levels ? share_at_extremes(train) : 0;
  if (is_small && share > 0.5) {
    why.push_back(
        fmt::format("small grey images, {:.0f} % of the pixels nearly black or white: "
                    "bernoulli likelihood on binarised pixels",
                    100 * share));
    return "vae";
  }
  why.push_back(binary ? "images of black and white: convolutions and a bernoulli likelihood"
                       : "images with shades or colours: convolutions and a gaussian likelihood");
  return "image";
}

/// The network of the preset `image` halves both sides with each convolution, and cannot halve 1:
/// fewer convolutions, or dense layers alone, for pictures that are narrower.
void fit_encoder(const Schema& schema, Value& model, std::vector<std::string>& why) {
  std::vector<int64_t> channels = model["encoder"].at("channels").as_integers();
  int64_t side = std::min(schema.shape[1], schema.shape[2]);
  size_t fit = 0;
  for (; fit < channels.size() && side > 1; side /= 2) ++fit;
  if (fit == channels.size()) return;
  if (fit == 0) {
    model["encoder"] = Part("mlp").to_value();
    why.push_back(fmt::format("{}: one pixel wide, so dense layers instead of convolutions",
                              schema.shape_text()));
    return;
  }
  channels.resize(fit);
  model["encoder"]["channels"] = Value::list(channels);
  why.push_back(fmt::format("{}: so narrow that {} fit", schema.shape_text(),
                            counted(static_cast<int64_t>(fit), "convolution")));
}

constexpr int64_t kTableSteps = 6000, kImageSteps = 2000;
constexpr int64_t kManyRows = 5000;  // from which a table may have more than 8 latent dimensions
constexpr int64_t kLeastEpochs = 20, kMostEpochs = 2000;

/// As many epochs as give a number of steps, since an epoch of few rows teaches little.
void set_length(const Schema& schema, int64_t rows, Value& train, std::vector<std::string>& why) {
  const int64_t batch = train.at("batch").as_integer(), steps = (rows + batch - 1) / batch;
  int64_t wanted = schema.kind == "image" ? kImageSteps : kTableSteps;
  int64_t epochs = std::clamp((wanted + steps - 1) / steps, kLeastEpochs, kMostEpochs);
  train["epochs"] = epochs;
  train["patience"] = std::max<int64_t>(10, epochs / 4);
  why.push_back(fmt::format("{} make an epoch of {}: {}, or fewer where {} bring nothing",
                            counted(rows, "training row"), counted(steps, "step"),
                            counted(epochs, "epoch"), train["patience"].as_integer()));
}

}  // namespace

ConfigLayer suggest(const DataSource& data, const Value& upper, std::vector<std::string>& why) {
  const Schema& schema = data.schema;
  bool binary = true;  // of all splits: a bernoulli likelihood refuses what is not
  for (const DatasetPtr& split : {data.train, data.valid, data.test}) {
    binary = binary && (!split || is_binary(*split));
  }
  const std::string preset = preset_for(schema, *data.train, binary, why);
  Value values = find_preset(preset).values;
  bool is_image = schema.kind == "image";
  if (preset != "vae" && binary) {
    values["model"]["likelihood"] = "bernoulli";
    values["data"]["transform"] = is_image ? Value::List{"unit"} : Value::List{};
  }
  if (preset == "image") fit_encoder(schema, values["model"], why);
  if (!is_image) {
    int64_t most = data.train->size() < kManyRows ? 8 : 16;
    int64_t latent = std::clamp<int64_t>(schema.size() / 2, 2, most);
    values["model"]["latent"] = latent;
    why.push_back(fmt::format("{}: {}", counted(schema.size(), "column"),
                              counted(latent, "latent dimension")));
  }
  Value chosen = merge(values, upper);
  std::string type = Part::from_value(*chosen.find_path("model.likelihood")).type;
  if (type != "gaussian") values["model"]["linear"] = false;
  if (upper.find_path("model.likelihood")) {  // the transform follows what was asked for
    bool bounded = type == "bernoulli" || type == "continuous-bernoulli";
    Value::List steps = {is_image ? "unit" : bounded ? "min-max" : "standardise"};
    if (!is_image && bounded && binary) steps.clear();
    if (is_image && type == "bernoulli" && schema.shape[0] == 1) steps.push_back("binarise");
    values["data"]["transform"] = steps;
  }
  if (preset != "vae") set_length(schema, data.train->size(), values["train"], why);
  return {"data", std::move(values)};
}

}  // namespace elbo
