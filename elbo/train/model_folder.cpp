// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/model_folder.h"

#include "elbo/tensor/shapes_only.h"

namespace elbo {
namespace {

constexpr int64_t kVersion = 1;
constexpr uint64_t kMaxDescription = uint64_t{64} << 20;

std::string format_of(const std::string& stem) {
  return stem == "model" ? "elbo model" : "elbo training state";
}

const char* remedy_for(const std::string& stem) {
  return stem == "model"
             ? "\nRestore the file from a copy, or use the model in last/ or best/ beside it."
             : "\nRestore the file from a copy. Without it the run cannot be resumed, but its "
               "model can be used.";
}

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

/// Runs `read`, turning what it throws into an Error(Code::model) that starts with a file's name.
template <class Read>
auto reading(const Path& file, Read read) {
  std::string where = file.string(), beside = (file.parent_path() / "").string();
  try {
    return read();
  } catch (const Error& e) {
    bool named = e.message().find(beside) != std::string::npos;
    throw Error(Code::model, named ? e.message() : where + ": " + e.message());
  } catch (const std::exception&) {  // LibTorch or the allocator, faced with impossible sizes
    fail(Code::model, "{}: describes a model that cannot be built", where);
  }
}

/// Refuses sizes that the tensors do not bear out before anything of those sizes is made: the model
/// as a shape alone has their shapes, and no network shrinks an example more than a thousandfold
/// unweighted.
void check_plausible(const TrainedModel& described, const NamedTensors& tensors,
                     const std::string& where) {
  int64_t stored = 1;
  for (const auto& [name, tensor] : tensors) stored += tensor.numel();
  double size = 1;
  for (int64_t d : described.schema.shape) size *= static_cast<double>(d);
  ELBO_CHECK(size <= 1024.0 * static_cast<double>(stored), Code::model,
             "an example of {:g} elements, more than the {} numbers stored can make true", size,
             stored);
  ShapesOnly shapes;
  Rng rng(0);
  check_state(*make_model(described.options, described.schema, rng),
              without_prefix("model.", tensors), where);
}

}  // namespace

void write_sealed(const Path& folder, const std::string& stem, Value description,
                  const NamedTensors& tensors) {
  Bytes bytes = encode_tensors(tensors);
  Value body = std::move(description);
  description = Value::table();
  description["format"] = format_of(stem);
  description["version"] = kVersion;
  for (auto& [key, item] : body.as_table()) description[key] = std::move(item);
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
  return reading(json, [&] {
    Sealed out;
    out.description = parse_json(text, where, Code::model);
    const Value* format = out.description.find("format");
    ELBO_CHECK(format && *format == Value(format_of(stem)), Code::model, "{}: not an {} file",
               where, format_of(stem));
    const Value* version = out.description.find("version");
    ELBO_CHECK(version && version->is_integer(), Code::model, "{}: no format version", where);
    ELBO_CHECK(version->as_integer() == kVersion, Code::model,
               "{}: format version {}, this program reads version {}\nUse a newer elbo.", where,
               version->as_integer(), kVersion);
    bool intact = to_json(out.description, 2) + "\n" == text &&
                  out.description.at("checksum").as_string() == seal(out.description);
    ELBO_CHECK(intact, Code::model, "{}: damaged or edited: its text does not match its checksum{}",
               where, remedy_for(stem));
    const Value& entry = out.description.at("tensors");
    ELBO_CHECK(entry.at("file").as_string() == stem + ".safetensors", Code::model,
               "{}: names an unexpected tensors file", where);
    Path file = folder / (stem + ".safetensors");
    Bytes bytes = read_file(file, uint64_t{1} << 40, Code::model);
    bool same = static_cast<int64_t>(bytes.size()) == entry.at("bytes").as_integer() &&
                sha256(bytes) == entry.at("sha256").as_string();
    ELBO_CHECK(same, Code::model, "{}: damaged: its bytes do not match the checksum in {}.json{}",
               file.string(), stem, remedy_for(stem));
    out.tensors = parse_tensors(bytes, file.string());
    return out;
  });
}

void write_model(const Path& folder, const TrainedModel& trained) {
  Value description;
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
  Path json = folder / "model.json";
  std::string where = json.string();
  return reading(json, [&] {
    TrainedModel out;
    out.options = read_options<ModelOptions>(sealed.description.at("model"), where);
    out.schema = Schema::from_value(sealed.description.at("schema"));
    std::vector<Part> parts;
    for (const Value& v : sealed.description.at("transform").as_list()) {
      parts.push_back(Part::from_value(v));
    }
    out.metrics = sealed.description.at("metrics");
    check_plausible(out, sealed.tensors, where);
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
