// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/inspect.h"

#include <algorithm>

#include "elbo/core/disk.h"
#include "elbo/io/csv_format.h"
#include "elbo/io/gzip.h"
#include "elbo/io/idx.h"
#include "elbo/io/npy.h"
#include "elbo/io/safetensors.h"
#include "elbo/io/zip.h"
#include "elbo/tasks/history.h"
#include "elbo/tasks/report.h"

namespace elbo {
namespace {

using NamedArrays = std::vector<std::pair<std::string, Array>>;

std::string bytes_text(double n) {
  const char* units[] = {"bytes", "kB", "MB", "GB", "TB"};
  size_t unit = 0;
  for (; n >= 1000 && unit < 4; ++unit) n /= 1000;
  return unit == 0 ? fmt::format("{:.0f} bytes", n) : fmt::format("{:.3g} {}", n, units[unit]);
}

void fact(Inspection& out, const std::string& name, const std::string& text) {
  out.facts.emplace_back(name, text);
  out.value[name] = text;
}

void add_arrays(Inspection& out, const NamedArrays& arrays) {
  out.header = {"name", "type", "shape", "size"};
  Value::List list;
  for (const auto& [name, array] : arrays) {
    double size = static_cast<double>(array.size()) * static_cast<double>(dtype_size(array.dtype));
    out.rows.push_back({name, dtype_name(array.dtype), shape_text(array.shape), bytes_text(size)});
    Value one;
    one["name"] = name;
    one["type"] = dtype_name(array.dtype);
    one["shape"] = Value::list(array.shape);
    list.push_back(std::move(one));
  }
  out.value["arrays"] = list;
}

/// The numbers a run's last epoch came to on each split.
void add_last_epoch(Inspection& out, const Path& folder) {
  std::vector<Value> history = read_history(folder);
  if (history.empty()) return;
  int64_t epoch = history.back().at("epoch").as_integer();
  out.header = {"split", "term", "value"};
  Value last;
  for (const Value& record : history) {
    if (record.at("epoch").as_integer() != epoch) continue;
    std::string split = record.at("split").as_string();
    last[split] = record;
    for (const auto& [name, value] : record.as_table()) {
      if (!value.is_number() || name == "epoch") continue;
      out.rows.push_back({split, name, format_number(value.as_number()).value});
    }
  }
  fact(out, "epochs", fmt::format("{} done", epoch));
  out.value["last_epoch"] = last;
}

Inspection inspect_model(const Path& folder) {
  Run run = open_run(folder);
  const TrainedModel& t = run.trained;
  Inspection out;
  bool is_run = std::filesystem::exists(folder / "config.toml");
  fact(out, "kind", is_run ? "run folder" : "model folder");
  fact(out, "model", model_text(run));
  const ModelOptions& o = t.options;
  for (const auto& [name, part] : {std::pair("encoder", o.encoder), std::pair("decoder", o.decoder),
                                   std::pair("posterior", o.posterior), std::pair("prior", o.prior),
                                   std::pair("likelihood", o.likelihood)}) {
    fact(out, name, to_toml_inline(part.to_value()));
  }
  Value::List steps;
  for (const Part& part : t.pipeline->parts()) steps.push_back(part.to_value());
  fact(out, "transform", to_toml_inline(steps));
  if (!t.schema.labels.empty())
    fact(out, "labels", fmt::format("{}", fmt::join(t.schema.labels, ", ")));
  for (const auto& [name, value] : t.metrics.as_table()) {
    if (value.is_number()) fact(out, "saved " + name, format_number(value.as_number()).value);
  }
  out.value["schema"] = t.schema.to_value();
  out.value["parameters"] = parameter_count(*t.model);
  if (is_run) {
    fact(out, "data", run.config.data.path);
    add_last_epoch(out, folder);
  } else {
    NamedArrays arrays =
        parse_safetensors(read_file(folder / "model.safetensors"), folder.string()).tensors;
    add_arrays(out, arrays);
  }
  return out;
}

/// What any reader of data makes of the path.
Inspection inspect_data(const Path& path) {
  RawData raw = read_data(path);
  Inspection out;
  fact(out, "kind", fmt::format("data of the '{}' reader", raw.format));
  fact(out, "data", fmt::format("{}: {} of {}", raw.name, raw.kind, schema_of(raw).shape_text()));
  NamedArrays arrays;
  auto add = [&](const char* name, const Array& array) {
    if (!array.empty()) arrays.emplace_back(name, array);
  };
  add("train x", raw.train.x);
  add("train mask", raw.train.mask);
  add("train y", raw.train.y);
  if (raw.test) add("test x", raw.test->x);
  if (raw.test) add("test mask", raw.test->mask);
  if (raw.test) add("test y", raw.test->y);
  add_arrays(out, arrays);
  return out;
}

/// Whether an .npy file, or one in an .npz, holds texts or records rather than numbers.
bool holds_more_than_numbers(std::span<const std::byte> npy, uint64_t size,
                             const std::string& where) {
  return npy_kind(parse_npy_header(npy, size, where)) != NpyKind::numbers;
}

/// The entries of an .npz: numbers as arrays, others by what they hold.
void add_npz(Inspection& out, const Bytes& bytes, const std::string& where) {
  ZipFile zip(bytes, where);
  NamedArrays arrays;
  for (const ZipEntry& entry : zip.entries()) {
    Bytes npy = zip.extract(entry);
    NpyHeader header =
        parse_npy_header(npy, npy.size(), fmt::format("{}: entry '{}'", where, entry.name));
    std::string name = Path(entry.name).replace_extension().string();
    if (npy_kind(header) == NpyKind::numbers) {
      arrays.emplace_back(name, Array{header.fields[0].dtype, header.shape, {}});
    } else {
      const char* what = header.is_record ? "records" : "texts";
      fact(out, name, fmt::format("{} {}", what, shape_text(header.shape)));
    }
  }
  add_arrays(out, arrays);
}

/// A table of text: what each column holds.
Inspection inspect_csv(std::string text, const std::string& where) {
  CsvTable table = parse_csv(std::move(text), where);
  Inspection out;
  fact(out, "kind", "table of text (CSV)");
  fact(out, "rows", format_number(static_cast<double>(table.rows())).value);
  out.header = {"column", "numbers", "texts", "empty", "first"};
  Value::List columns;
  for (size_t c = 0; c < table.columns; ++c) {
    int64_t numbers = 0, empty = 0;
    for (size_t r = 0; r < table.rows(); ++r) {
      double ignored = 0;
      std::string_view cell = trim(table.at(r, c));
      if (cell.empty()) {
        ++empty;
      } else if (parse_number(cell, ignored)) {
        ++numbers;
      }
    }
    int64_t texts = static_cast<int64_t>(table.rows()) - numbers - empty;
    std::string name = table.header.empty() ? fmt::format("{}", c + 1) : table.header[c];
    out.rows.push_back({name, fmt::format("{}", numbers), fmt::format("{}", texts),
                        fmt::format("{}", empty), table.rows() ? std::string(table.at(0, c)) : ""});
    Value one;
    one["name"] = name;
    one["numbers"] = numbers;
    one["texts"] = texts;
    one["empty"] = empty;
    columns.push_back(std::move(one));
  }
  out.value["columns"] = columns;
  return out;
}

Inspection inspect_file(const Path& path) {
  std::string where = path.string();
  DiskFile file(path);
  auto size = static_cast<double>(file.size());
  Inspection out;
  auto arrays = [&](const char* kind, const NamedArrays& found) {
    fact(out, "kind", kind);
    fact(out, "size", bytes_text(size));
    add_arrays(out, found);
    return out;
  };
  // Of a plain array file the start says all; it may be larger than memory.
  auto array = [](const ArrayLayout& layout) {
    return NamedArrays{{"array", {layout.dtype, layout.shape, {}}}};
  };
  Bytes head(static_cast<size_t>(std::min<uint64_t>(file.size(), kMaxArrayHeader)));
  file.read(0, head);
  if (is_npy(head) && holds_more_than_numbers(head, file.size(), where)) return inspect_data(path);
  if (is_npy(head)) return arrays("NumPy array", array(npy_layout(head, file.size(), where)));
  if (is_idx(head)) return arrays("IDX array", array(idx_layout(head, file.size(), where)));
  Bytes bytes = read_file(path);
  if (is_gzip(bytes)) bytes = gunzip(bytes, where);
  bool is_zip = as_text(bytes).starts_with("PK");
  if (is_npy(bytes)) return arrays("NumPy array", {{"array", parse_npy(bytes, where)}});
  if (is_idx(bytes)) return arrays("IDX array", {{"array", parse_idx(bytes, where)}});
  if (is_zip) {
    fact(out, "kind", "NumPy archive");
    fact(out, "size", bytes_text(size));
    add_npz(out, bytes, where);
    return out;
  }
  if (path.extension() == ".safetensors") {
    TensorFile file = parse_safetensors(bytes, where);
    for (const auto& [key, text] : file.metadata) fact(out, key, text);
    return arrays("safetensors file", file.tensors);
  }
  std::string name = path.extension() == ".gz" ? path.stem().string() : path.string();
  bool is_table = name.ends_with(".csv") || name.ends_with(".tsv");
  return is_table ? inspect_csv(std::string(as_text(bytes)), where) : inspect_data(path);
}

}  // namespace

Inspection inspect(const Path& path) {
  if (std::filesystem::is_regular_file(path)) return inspect_file(path);
  bool is_model =
      std::filesystem::exists(path / "model.json") || std::filesystem::exists(path / "config.toml");
  if (std::filesystem::is_directory(path) && is_model) return inspect_model(path);
  return inspect_data(path);
}

}  // namespace elbo
