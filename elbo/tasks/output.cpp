// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/output.h"

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "elbo/core/metric.h"
#include "elbo/io/csv_format.h"
#include "elbo/io/image.h"
#include "elbo/io/npy.h"
#include "elbo/io/standard_input.h"
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

/// Cells that are all whole numbers without more digits than an i64 has, or none.
std::optional<Tensor> whole_numbers(const std::vector<std::string>& cells) {
  std::vector<int64_t> out;
  for (const std::string& cell : cells) {
    bool is_whole =
        !cell.empty() && cell.size() <= 18 && (cell == "0" || cell[0] != '0') &&
        std::all_of(cell.begin(), cell.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (!is_whole) return std::nullopt;
    out.push_back(std::stoll(cell));
  }
  return at::tensor(out, at::kLong);
}

/// An array of whole numbers, as `row` is, stands for the key of its name.
bool numbers_rows(const std::string& name, const Tensor& array) {
  return name != "y" && array.scalar_type() == at::kLong;
}

Bytes encoded_npz(const Output& output) {
  std::vector<std::pair<std::string, Array>> entries;
  std::vector<std::pair<std::string, std::vector<std::string>>> texts;
  std::vector<std::string> data, numbering;
  for (const auto& [name, tensor] : output.arrays) {
    entries.emplace_back(name, to_array(tensor));
    (numbers_rows(name, tensor) ? numbering : data).push_back(name);
  }
  std::vector<std::string> names = key_names(output, data);
  for (size_t i = 0; i < names.size(); ++i) {
    if (std::find(numbering.begin(), numbering.end(), names[i]) != numbering.end()) continue;
    const std::vector<std::string>& cells = output.keys[i].cells;
    if (std::optional<Tensor> numbers = whole_numbers(cells)) {
      entries.emplace_back(names[i], to_array(*numbers));
    } else {
      texts.emplace_back(names[i], cells);
    }
  }
  return encode_npz(entries, texts);
}

Bytes encoded_png(const Output& output) {
  auto decoded = std::find_if(output.keys.rbegin(), output.keys.rend(),
                              [](const TextColumn& key) { return key.name == "decoded"; });
  bool says = decoded != output.keys.rend() && !decoded->cells.empty();
  return says ? encode_png(output.picture, "decoded", decoded->cells[0])
              : encode_png(output.picture);
}

const std::vector<std::string>& formats() {
  static const std::vector<std::string> all = {"npy", "npz", "csv", "png"};
  return all;
}

}  // namespace

OutputFile::OutputFile(Path file, std::string as) : path(std::move(file)), format(std::move(as)) {
  std::string extension = path.extension().string();
  if (format.empty() && !extension.empty()) format = extension.substr(1);
}

void check_output(const OutputFile& file, bool force) {
  const std::string name = file.path.string();
  const auto& known = formats();
  ELBO_CHECK(std::find(known.begin(), known.end(), file.format) != known.end(), Code::usage,
             "--output {}: cannot write '{}' files\nName a file that ends in .{}.", name,
             file.format.empty() ? "" : "." + file.format, fmt::join(known, ", ."));
  ELBO_CHECK(
      !file.is_standard() || file.format == "csv" || !::isatty(STDOUT_FILENO), Code::usage,
      "--output -: {} is no text for a terminal\nSend it on with | or >, or ask for --format "
      "csv.",
      file.format);
  ELBO_CHECK(force || file.is_standard() || !std::filesystem::exists(file.path), Code::usage,
             "{} is there already\nAdd --force to replace it, or name another file with -o.", name);
}

namespace {

/// There is a folder for it afterwards.
void prepare_output(const OutputFile& file, bool force) {
  check_output(file, force);
  if (file.path.has_parent_path()) std::filesystem::create_directories(file.path.parent_path());
}

int64_t rows_of(const Output& output) {
  const Tensor& first = output.arrays.at(0).second;
  return first.dim() > 0 ? first.size(0) : 1;
}

void write_to_standard(std::span<const std::byte> bytes) {
  write_all(STDOUT_FILENO, bytes, "standard output");
}

}  // namespace

bool OutputWriter::takes_parts(const OutputFile& file) {
  return file.format == "npy" || file.format == "csv";
}

OutputWriter::OutputWriter(OutputFile file, bool force, int64_t rows)
    : file_(std::move(file)), rows_(rows) {
  prepare_output(file_, force);
  if (!file_.is_standard()) writer_.emplace(file_.path);
}

void OutputWriter::append(std::span<const std::byte> bytes) {
  writer_ ? writer_->append(bytes) : write_to_standard(bytes);
}

void OutputWriter::add(const Output& part) {
  if (file_.format == "csv") {
    append(as_bytes(encoded_csv(part, written_ == 0)));
  } else {
    Array array = to_array(part.arrays.at(0).second);
    std::vector<int64_t> shape = array.shape;
    if (!shape.empty()) shape[0] = rows_;
    if (written_ == 0) append(as_bytes(npy_header(array.dtype, shape)));
    append(array.data);
  }
  written_ += rows_of(part);
}

void OutputWriter::finish() {
  ELBO_CHECK(written_ == rows_, Code::failure, "{}: {} rows of {} written", file_.path.string(),
             written_, rows_);
  if (writer_) writer_->finish();
}

void write_output(const OutputFile& file, const Output& output, bool force) {
  if (OutputWriter::takes_parts(file)) {
    OutputWriter writer(file, force, rows_of(output));
    writer.add(output);
    return writer.finish();
  }
  prepare_output(file, force);
  const bool is_picture = file.format == "png";
  ELBO_CHECK(!is_picture || !output.picture.empty(), Code::usage,
             "--output {}: there is no picture of a table\nWrite .csv, .npy or .npz instead.",
             file.path.string());
  Bytes bytes = is_picture ? encoded_png(output) : encoded_npz(output);
  file.is_standard() ? write_to_standard(bytes) : write_file(file.path, bytes);
}

namespace {

Tensor latents_of_npz(std::span<const std::byte> bytes, const std::string& where) {
  auto entries = parse_npz(bytes, where, uint64_t{1} << 36, true);
  std::vector<std::string> names;
  for (const char* wanted : {"z", "mean"}) {
    for (auto& [name, array] : entries) {
      if (name == wanted) return to_tensor(array);
    }
  }
  for (auto& [name, array] : entries) names.push_back(name);
  ELBO_CHECK(entries.size() == 1, Code::data, "{}: no entry 'z' or 'mean'; it has {}", where,
             fmt::join(names, ", "));
  return to_tensor(entries[0].second);
}

Tensor latents_of_csv(std::string_view text, const std::string& where, int64_t size) {
  CsvTable table = parse_csv(std::string(text), where);
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
             where, beyond, counted(size, "latent dimension"));
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
                 "{}:{}: {}: expected a number, got '{}'", where, table.lines[r],
                 table.column_text(c), table.at(r, c));
      *value++ = static_cast<float>(number);
    }
  }
  return out;
}

}  // namespace

Tensor read_latents(const Path& path, int64_t size) {
  const bool is_standard = path == "-";
  const std::string where = is_standard ? kStandardInputName : path.string();
  const std::string extension = path.extension().string();
  Bytes bytes = read_file(is_standard ? standard_input() : path);
  const bool is_zip = as_text(bytes).starts_with("PK");
  Tensor z;
  if (is_standard ? is_zip : extension == ".npz") {
    z = latents_of_npz(bytes, where);
  } else if (is_standard ? !is_npy(bytes) : extension == ".csv") {
    z = latents_of_csv(as_text(bytes), where, size);
  } else {
    z = to_tensor(parse_npy(std::move(bytes), where));
  }
  ELBO_CHECK(z.dim() >= 1 && z.numel() > 0 && z.size(-1) == size, Code::data,
             "{}: latents of shape {}, but the model has {}", where, shape_text(z.sizes().vec()),
             counted(size, "latent dimension"));
  return z;
}

}  // namespace elbo
