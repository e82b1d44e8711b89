// SPDX-License-Identifier: Apache-2.0
#include "app/cli/result.h"

#include "elbo/tasks/tables.h"

namespace elbo::cli {

Run open_for_use(const Path& folder, const std::string& data) {
  Run run = open_run(folder);
  move_data(run.config.data, data);
  set_threads(run.config.threads);
  return run;
}

Selection open_rows(const Run& run, Call& call, const SelectOptions& options,
                    const std::string& split) {
  std::string file = call.positionals.size() > 1 ? call.positionals[1] : "";
  bool is_auto = options.split == "auto" && !split.empty();
  Selection out = select_rows(run, file, is_auto ? split : options.split);
  bool is_held_out = file.empty() && options.split == "auto" && !is_auto;
  call.console.tell("rows", out.text + (is_held_out ? "; --split all takes every row" : ""));
  for (const std::string& note : out.notes) call.console.tell("note", call.console.yellow(note));
  return out;
}

namespace {

OutputFile checked_file(const OutputOptions& options, const std::string& stem,
                        const std::string& in_file, const std::string& in_pipe,
                        const Console& console) {
  const std::string& format = options.format;
  OutputFile out(
      options.output.empty() ? stem + "." + (format.empty() ? in_file : format) : options.output,
      format);
  if (out.is_standard() && format.empty()) out.format = in_pipe;
  ELBO_CHECK(!out.is_standard() || !console.is_json(), Code::usage,
             "--output - and --json both write to standard output\nName a file with -o, or leave "
             "--json out.");
  check_output(out, options.force);
  return out;
}

}  // namespace

OutputFile output_file(const OutputOptions& options, const Run& run, const std::string& stem,
                       const Console& console) {
  const bool is_image = run.trained.schema.kind == "image";
  return checked_file(options, stem, is_image ? "png" : "csv", is_image ? "npy" : "csv", console);
}

OutputFile table_file(const OutputOptions& options, const std::string& stem,
                      const Console& console) {
  return checked_file(options, stem, "csv", "csv", console);
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

int tell(const OutputFile& file, Value document, const Value& more, Console& console) {
  if (!file.is_standard()) console.result(file.path.string());
  document["output"] = file.path.string();
  console.document(merge(document, more));
  return 0;
}

}  // namespace

int finish(const OutputFile& file, const OutputOptions& options, const Output& output, Value more,
           Console& console) {
  write_output(file, output, options.force);
  Value document;
  add_shapes(document, output, -1);
  return tell(file, std::move(document), more, console);
}

int finish_rows(const OutputFile& file, const OutputOptions& options, const Schema& schema,
                std::span<const int64_t> rows,
                const std::function<Output(std::span<const int64_t>)>& make, const Value& more,
                Console& console) {
  auto most = static_cast<size_t>(
      std::max(rows_at_once(schema, 10000) / kRowsTogether, int64_t{1}) * kRowsTogether);
  if (!OutputWriter::takes_parts(file) || rows.size() <= most) {
    return finish(file, options, make(rows), more, console);
  }
  auto n = static_cast<int64_t>(rows.size());
  OutputWriter writer(file, options.force, n);
  Value document;
  for (size_t begin = 0; begin < rows.size(); begin += most) {
    Output part = make(rows.subspan(begin, std::min(most, rows.size() - begin)));
    writer.add(part);
    add_shapes(document, part, n);
  }
  writer.finish();
  return tell(file, std::move(document), more, console);
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

TextColumn spread(const TextColumn& column, int64_t each, int64_t times) {
  TextColumn out{column.name, {}};
  for (int64_t t = 0; t < times; ++t) {
    for (const std::string& cell : column.cells) {
      out.cells.insert(out.cells.end(), static_cast<size_t>(each), cell);
    }
  }
  return out;
}

std::vector<std::string> counted_up(int64_t count) {
  std::vector<std::string> out;
  for (int64_t i = 1; i <= count; ++i) out.push_back(std::to_string(i));
  return out;
}

std::vector<std::string> texts(std::span<const int64_t> numbers) {
  std::vector<std::string> out;
  for (int64_t n : numbers) out.push_back(std::to_string(n));
  return out;
}

void tell_decoded(const std::string& decode, Console& console, Value& document) {
  document["decode"] = decode;
  console.tell("x", decode == "sample" ? "draws from p(x|z), its noise included"
                                       : "means of p(x|z), without its noise");
}

TextColumn decoded_column(const std::string& decode, int64_t n) {
  return spread({"decoded", {decode == "sample" ? "draw" : "mean"}}, n, 1);
}

}  // namespace elbo::cli
