// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/model_folder.h"

namespace elbo {
namespace {

constexpr int64_t kVersion = 1;
constexpr uint64_t kMaxDescription = uint64_t{64} << 20;

std::string seal(const Value& description) {
  Value open = description;
  open.erase("checksum");
  return sha256(to_json(open));
}

NamedTensors with_prefix(const std::string& prefix, const NamedTensors& tensors) {
  NamedTensors out;
  for (const auto& [name, tensor] : tensors) out.emplace_back(prefix + name, tensor);
  return out;
}

NamedTensors without_prefix(const std::string& prefix, const NamedTensors& tensors) {
  NamedTensors out;
  for (const auto& [name, tensor] : tensors) {
    if (name.starts_with(prefix)) out.emplace_back(name.substr(prefix.size()), tensor);
  }
  return out;
}

/// Runs `read`, turning what it throws into an Error(Code::model) that starts with the file's name.
template <class Read>
auto reading(const std::string& where, Read read) {
  try {
    return read();
  } catch (const Error& e) {
    bool named = e.message().starts_with(where);
    throw Error(Code::model, named ? e.message() : where + ": " + e.message());
  }
}

}  // namespace

void write_sealed(const Path& folder, const std::string& stem, Value description,
                  const NamedTensors& tensors) {
  Bytes bytes = encode_tensors(tensors);
  description["tensors"]["file"] = stem + ".safetensors";
  description["tensors"]["bytes"] = static_cast<int64_t>(bytes.size());
  description["tensors"]["sha256"] = sha256(bytes);
  description["checksum"] = seal(description);
  write_file(folder / (stem + ".safetensors"), bytes);
  write_file(folder / (stem + ".json"), to_json(description, 2) + "\n");
}

Sealed read_sealed(const Path& folder, const std::string& stem) {
  Path json = folder / (stem + ".json");
  std::string where = json.string();
  std::string text = read_text(json, kMaxDescription, Code::model);
  return reading(where, [&] {
    Sealed out;
    out.description = parse_json(text, where, Code::model);
    const Value* version = out.description.find("version");
    ELBO_CHECK(version && version->is_integer(), Code::model, "{}: no format version", where);
    ELBO_CHECK(version->as_integer() == kVersion, Code::model,
               "{}: format version {}, this program reads version {}\nUse a newer elbo.", where,
               version->as_integer(), kVersion);
    bool intact = to_json(out.description, 2) + "\n" == text &&
                  out.description.at("checksum").as_string() == seal(out.description);
    ELBO_CHECK(intact, Code::model,
               "{}: damaged or edited: its text does not match its checksum\nRestore the file from "
               "a copy, or use the model in last/ or best/ beside it.",
               where);
    const Value& entry = out.description.at("tensors");
    ELBO_CHECK(entry.at("file").as_string() == stem + ".safetensors", Code::model,
               "{}: names an unexpected tensors file", where);
    Path file = folder / (stem + ".safetensors");
    Bytes bytes = read_file(file, uint64_t{1} << 40, Code::model);
    bool same = static_cast<int64_t>(bytes.size()) == entry.at("bytes").as_integer() &&
                sha256(bytes) == entry.at("sha256").as_string();
    ELBO_CHECK(same, Code::model,
               "{}: damaged: its bytes do not match the checksum in {}.json\nRestore the file from "
               "a copy, or use the model in last/ or best/ beside it.",
               file.string(), stem);
    out.tensors = parse_tensors(bytes, file.string());
    return out;
  });
}

void write_model(const Path& folder, const TrainedModel& trained) {
  Value description;
  description["format"] = "elbo model";
  description["version"] = kVersion;
  description["model"] = write_options(trained.options);
  description["schema"] = trained.schema.to_value();
  Value::List parts;
  for (const Part& part : trained.pipeline->parts()) parts.push_back(part.to_value());
  description["transform"] = parts;
  description["metrics"] = trained.metrics;
  NamedTensors tensors = with_prefix("model.", state_of(*trained.model));
  NamedTensors learned = with_prefix("pipeline.", state_of(*trained.pipeline));
  tensors.insert(tensors.end(), learned.begin(), learned.end());
  write_sealed(folder, "model", std::move(description), tensors);
}

TrainedModel read_model(const Path& folder) {
  Sealed sealed = read_sealed(folder, "model");
  std::string where = (folder / "model.json").string();
  return reading(where, [&] {
    TrainedModel out;
    out.options = read_options<ModelOptions>(sealed.description.at("model"), where);
    out.schema = Schema::from_value(sealed.description.at("schema"));
    std::vector<Part> parts;
    for (const Value& v : sealed.description.at("transform").as_list()) {
      parts.push_back(Part::from_value(v));
    }
    out.metrics = sealed.description.at("metrics");
    out.pipeline = std::make_shared<Pipeline>(parts, out.schema);
    Rng rng(0);
    out.model = make_model(out.options, out.schema, rng);
    for (const auto& [name, tensor] : sealed.tensors) {
      ELBO_CHECK(name.starts_with("model.") || name.starts_with("pipeline."), Code::model,
                 "{}: the tensor '{}' has no place in the architecture", where, name);
    }
    load_state(*out.model, without_prefix("model.", sealed.tensors), where);
    load_state(*out.pipeline, without_prefix("pipeline.", sealed.tensors), where);
    out.model->eval();
    return out;
  });
}

}  // namespace elbo
