// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/output.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "elbo/core/metric.h"
#include "elbo/io/csv_format.h"
#include "elbo/io/image.h"
#include "elbo/io/npy.h"
#include "elbo/tensor/convert.h"

namespace elbo {
namespace {

/// The names of the keys, each unlike all other names of the header.
std::vector<std::string> key_names(const Output& output, const std::vector<std::string>& columns) {
  std::vector<std::string> out;
  auto is_taken = [&](const std::string& name) {
    return std::find(columns.begin(), columns.end(), name) != columns.end() ||
           std::find(out.begin(), out.end(), name) != out.end();
  };
  for (const TextColumn& key : output.keys) {
    std::string name = key.name;
    for (int i = 2; is_taken(name); ++i) name = fmt::format("{}_{}", key.name, i);
    out.push_back(name);
  }
  return out;
}

/// The shortest digits that give the number back, of f64 where that is what was computed.
std::string number_text(double value, bool is_double) {
  if (std::isnan(value)) return "";
  return is_double ? fmt::format("{}", value) : fmt::format("{}", static_cast<float>(value));
}

std::string encoded_csv(const Output& output, bool with_header) {
  const Tensor& first = output.arrays.at(0).second;
  int64_t rows_first = first.dim() > 0 ? first.size(0) : 1;
  if (!output.keys.empty()) rows_first = static_cast<int64_t>(output.keys[0].cells.size());
  std::vector<std::string> columns = output.columns;
  int64_t width = columns.empty() ? first.numel() / std::max<int64_t>(rows_first, 1)
                                  : static_cast<int64_t>(columns.size());
  for (int64_t c = static_cast<int64_t>(columns.size()); c < width; ++c) {
    columns.push_back(std::to_string(c));
  }
  Tensor x = first.to(at::kDouble).reshape({-1, width}).contiguous();
  const bool is_double = first.scalar_type() == at::kDouble;
  std::vector<std::string> header = key_names(output, columns);
  header.insert(header.end(), columns.begin(), columns.end());
  std::vector<std::vector<std::string>> rows;
  const double* value = x.data_ptr<double>();
  for (int64_t r = 0; r < x.size(0); ++r) {
    std::vector<std::string> row;
    for (const TextColumn& key : output.keys) row.push_back(key.cells.at(static_cast<size_t>(r)));
    for (int64_t c = 0; c < width; ++c) row.push_back(number_text(*value++, is_double));
    rows.push_back(std::move(row));
  }
  return encode_csv(with_header ? header : std::vector<std::string>{}, rows);
}

Bytes encoded_npz(const Output& output) {
  std::vector<std::pair<std::string, Array>> entries;
  for (const auto& [name, tensor] : output.arrays) entries.emplace_back(name, to_array(tensor));
  return encode_npz(entries);
}

}  // namespace

void check_output(const Path& path, bool force) {
  std::string extension = path.extension().string();
  const std::vector<std::string> known = {".npy", ".npz", ".csv", ".png"};
  ELBO_CHECK(std::find(known.begin(), known.end(), extension) != known.end(), Code::usage,
             "--output {}: cannot write '{}' files\nName a file that ends in {}.", path.string(),
             extension, fmt::join(known, ", "));
  ELBO_CHECK(force || !std::filesystem::exists(path), Code::usage,
             "{} is there already\nAdd --force to replace it, or name another file with -o.",
             path.string());
}

namespace {

/// Returns the path, for which there is a folder now.
const Path& prepare_output(const Path& path, bool force) {
  check_output(path, force);
  if (path.has_parent_path()) std::filesystem::create_directories(path.parent_path());
  return path;
}

int64_t rows_of(const Output& output) {
  const Tensor& first = output.arrays.at(0).second;
  return first.dim() > 0 ? first.size(0) : 1;
}

}  // namespace

bool OutputWriter::takes_parts(const Path& path) {
  return path.extension() == ".npy" || path.extension() == ".csv";
}

OutputWriter::OutputWriter(Path path, bool force, int64_t rows)
    : path_(std::move(path)), rows_(rows), file_(prepare_output(path_, force)) {}

void OutputWriter::add(const Output& part) {
  if (path_.extension() == ".csv") {
    file_.append(encoded_csv(part, written_ == 0));
  } else {
    Array array = to_array(part.arrays.at(0).second);
    std::vector<int64_t> shape = array.shape;
    if (!shape.empty()) shape[0] = rows_;
    if (written_ == 0) file_.append(npy_header(array.dtype, shape));
    file_.append(array.data);
  }
  written_ += rows_of(part);
}

void OutputWriter::finish() {
  ELBO_CHECK(written_ == rows_, Code::failure, "{}: {} rows of {} written", path_.string(),
             written_, rows_);
  file_.finish();
}

void write_output(const Path& path, const Output& output, bool force) {
  if (OutputWriter::takes_parts(path)) {
    OutputWriter writer(path, force, rows_of(output));
    writer.add(output);
    return writer.finish();
  }
  prepare_output(path, force);
  if (path.extension() == ".npz") return write_file(path, encoded_npz(output));
  ELBO_CHECK(!output.picture.empty(), Code::usage,
             "--output {}: there is no picture of a table\nWrite .csv, .npy or .npz instead.",
             path.string());
  write_file(path, encode_png(output.picture));
}

namespace {

Tensor latents_of_npz(const Path& path) {
  auto entries = parse_npz(read_file(path), path.string());
  std::vector<std::string> names;
  for (const char* wanted : {"z", "mean"}) {
    for (auto& [name, array] : entries) {
      if (name == wanted) return to_tensor(array);
    }
  }
  for (auto& [name, array] : entries) names.push_back(name);
  ELBO_CHECK(entries.size() == 1, Code::data, "{}: no entry 'z' or 'mean'; it has {}",
             path.string(), fmt::join(names, ", "));
  return to_tensor(entries[0].second);
}

Tensor latents_of_csv(const Path& path, int64_t size) {
  CsvTable table = parse_csv(read_text(path), path.string());
  std::vector<size_t> columns;
  for (int64_t j = 0; j < size; ++j) {
    auto it = std::find(table.header.begin(), table.header.end(), fmt::format("z{}", j));
    if (it != table.header.end()) columns.push_back(static_cast<size_t>(it - table.header.begin()));
  }
  std::string beyond = fmt::format("z{}", size);
  ELBO_CHECK(std::find(table.header.begin(), table.header.end(), beyond) == table.header.end(),
             Code::data,
             "{}: has a column '{}', but the model has {}\nThese latents are another "
             "model's.",
             path.string(), beyond, counted(size, "latent dimension"));
  if (columns.empty()) {
    columns.resize(table.columns);
    std::iota(columns.begin(), columns.end(), size_t{0});
  }
  Tensor out = at::empty({int64_t(table.rows()), int64_t(columns.size())}, at::kFloat);
  float* value = out.data_ptr<float>();
  for (size_t r = 0; r < table.rows(); ++r) {
    for (size_t c : columns) {
      double number = 0;
      ELBO_CHECK(parse_number(table.at(r, c), number), Code::data,
                 "{}:{}: {}: expected a number, got '{}'", path.string(), table.lines[r],
                 table.column_text(c), table.at(r, c));
      *value++ = static_cast<float>(number);
    }
  }
  return out;
}

}  // namespace

Tensor read_latents(const Path& path, int64_t size) {
  std::string extension = path.extension().string();
  Tensor z = extension == ".npz"   ? latents_of_npz(path)
             : extension == ".csv" ? latents_of_csv(path, size)
                                   : to_tensor(parse_npy(read_file(path), path.string()));
  ELBO_CHECK(z.dim() >= 1 && z.numel() > 0 && z.size(-1) == size, Code::data,
             "{}: latents of shape {}, but the model has {}", path.string(),
             shape_text(z.sizes().vec()), counted(size, "latent dimension"));
  return z;
}

}  // namespace elbo
