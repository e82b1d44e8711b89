// SPDX-License-Identifier: Apache-2.0
#include "app/cli/result.h"

#include "elbo/tasks/tables.h"

namespace elbo::cli {

Run open_for_use(const Path& folder) {
  Run run = open_run(folder);
  set_threads(run.config.threads);
  return run;
}

void tell_notes(const DataSource& data, const Run& run, const std::string& path, Console& console) {
  if (is_own_data(run, path)) return;
  for (const std::string& note : data.notes) console.tell("note", note);
}

DatasetPtr open_split(const Run& run, const Call& call, const SplitOptions& options) {
  ELBO_CHECK(call.positionals.size() > 1 || !run.config.data.path.empty(), Code::usage,
             "{} does not say what it was trained on\nName the data after it.",
             run.folder.string());
  std::string path = call.positionals.size() > 1 ? call.positionals[1] : "";
  DataSource data = open_for(run, path);
  tell_notes(data, run, path, call.console);
  std::string name;
  if (options.split == "held-out") return held_out_split(data, name);
  DatasetPtr out = options.split == "train"   ? data.train
                   : options.split == "valid" ? data.valid
                                              : data.test;
  ELBO_CHECK(out, Code::data, "{} has no {} split", data.schema.name, options.split);
  return out;
}

Path output_path(const OutputOptions& options, const Run& run, const std::string& stem) {
  const char* extension = run.trained.schema.kind == "image" ? ".png" : ".csv";
  Path path = options.output.empty() ? Path(stem + extension) : Path(options.output);
  check_output(path, options.force);
  return path;
}

namespace {

/// Notes the shapes of the arrays, of which `rows` (-1: as they are) rows are written in all.
void add_shapes(Value& document, const Output& output, int64_t rows) {
  for (const auto& [name, tensor] : output.arrays) {
    std::vector<int64_t> shape = tensor.sizes().vec();
    if (rows >= 0) shape[0] = rows;
    document["arrays"][name] = Value::list(shape);
  }
}

int tell(const Path& path, Value document, const Value& more, Console& console) {
  console.result(path.string());
  document["output"] = path.string();
  console.document(merge(document, more));
  return 0;
}

}  // namespace

int finish(const Path& path, const OutputOptions& options, const Output& output, Value more,
           Console& console) {
  write_output(path, output, options.force);
  Value document;
  add_shapes(document, output, -1);
  return tell(path, std::move(document), more, console);
}

int finish_rows(const Path& path, const OutputOptions& options, const Schema& schema,
                std::span<const int64_t> rows,
                const std::function<Output(std::span<const int64_t>)>& make, Console& console) {
  auto most = static_cast<size_t>(
      std::max(rows_at_once(schema, 10000) / kRowsTogether, int64_t{1}) * kRowsTogether);
  if (!OutputWriter::takes_parts(path) || rows.size() <= most) {
    return finish(path, options, make(rows), Value::table(), console);
  }
  auto n = static_cast<int64_t>(rows.size());
  OutputWriter writer(path, options.force, n);
  Value document;
  for (size_t begin = 0; begin < rows.size(); begin += most) {
    Output part = make(rows.subspan(begin, std::min(most, rows.size() - begin)));
    writer.add(part);
    add_shapes(document, part, n);
  }
  writer.finish();
  return tell(path, std::move(document), Value::table(), console);
}

std::vector<std::string> data_columns(const Schema& schema) {
  std::vector<std::string> out;
  for (int64_t c = 0; schema.kind != "image" && c < schema.size(); ++c) {
    out.push_back(column_name(schema, c));
  }
  return out;
}

std::vector<std::string> latent_columns(int64_t size) {
  std::vector<std::string> out;
  for (int64_t j = 0; j < size; ++j) out.push_back(fmt::format("z{}", j));
  return out;
}

std::vector<std::string> label_texts(const Tensor& y, const Schema& schema) {
  std::vector<std::string> out;
  for (int64_t i = 0; y.defined() && i < y.size(0); ++i) {
    out.push_back(y.is_floating_point() ? fmt::format("{}", y[i].item<float>())
                                        : schema.labels.at(size_t(y[i].item<int64_t>())));
  }
  return out;
}

}  // namespace elbo::cli
