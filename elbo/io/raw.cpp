// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/raw.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "elbo/io/gzip.h"

namespace elbo {
namespace {

/// IEEE 754 half to single precision.
float half_to_float(uint16_t half) {
  uint32_t sign = uint32_t{half & 0x8000u} << 16, exponent = half >> 10 & 0x1F, part = half & 0x3FF;
  if (exponent == 0) {  // zero and subnormal: part * 2^-24
    float value = static_cast<float>(part) * 0x1p-24f;
    return sign ? -value : value;
  }
  uint32_t wide = exponent == 31 ? 255 : exponent + 112;
  return std::bit_cast<float>(sign | wide << 23 | part << 13);
}

/// Calls f(span of T) with the array's elements.
template <class F>
auto visit(const Array& a, F f) {
  switch (a.dtype) {
    case DType::boolean:
    case DType::u8:
      return f(a.as<uint8_t>());
    case DType::i8:
      return f(a.as<int8_t>());
    case DType::u16:
    case DType::f16:
    case DType::bf16:
      return f(a.as<uint16_t>());
    case DType::i16:
      return f(a.as<int16_t>());
    case DType::u32:
      return f(a.as<uint32_t>());
    case DType::i32:
      return f(a.as<int32_t>());
    case DType::u64:
      return f(a.as<uint64_t>());
    case DType::i64:
      return f(a.as<int64_t>());
    case DType::f32:
      return f(a.as<float>());
    case DType::f64:
      break;
  }
  return f(a.as<double>());
}

bool is_float(DType t) {
  return t == DType::f16 || t == DType::bf16 || t == DType::f32 || t == DType::f64;
}

template <class T>
void convert(const Array& in, std::span<T> to) {
  visit(in, [&](auto from) {
    for (size_t i = 0; i < to.size(); ++i) {
      if (in.dtype == DType::f16) {
        to[i] = half_to_float(static_cast<uint16_t>(from[i]));
      } else if (in.dtype == DType::bf16) {
        to[i] = std::bit_cast<float>(static_cast<uint32_t>(from[i]) << 16);
      } else if (in.dtype == DType::boolean) {
        to[i] = from[i] != 0;
      } else {
        to[i] = static_cast<T>(from[i]);
      }
    }
  });
}

/// All elements as f32 or f64 in an array of the given shape; what does not fit becomes an
/// infinity.
Array to_floating(Array in, std::vector<int64_t> shape, std::string_view where,
                  DType type = DType::f32) {
  if (in.dtype == type) {
    in.shape = std::move(shape);
    return in;
  }
  Array out = make_array(type, std::move(shape), where);
  type == DType::f64 ? convert(in, out.as<double>()) : convert(in, out.as<float>());
  return out;
}

[[noreturn]] void refuse(double value, size_t row, size_t column, std::string_view where) {
  if (std::isnan(value)) {
    fail(Code::data,
         "{}: NaN at row {}, column {} (from 0), expected a finite number\n"
         "If NaN marks missing cells: --reader npy --reader.missing nan (for .npz: --reader npz)",
         where, row, column);
  }
  fail(Code::data,
       "{}: {} at row {}, column {} (from 0), expected a finite number\n"
       "Remove the row or replace the value.",
       where, value, row, column);
}

template <class T>
void check_finite(RawSet& set, std::string_view where, bool nan_is_missing,
                  std::span<const int64_t> rows) {
  auto x = set.x.as<T>();
  auto width = static_cast<size_t>(set.x.shape[1]);
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isfinite(x[i])) continue;
    if (!std::isnan(x[i]) || !nan_is_missing) {
      size_t row = i / width;
      refuse(x[i], rows.empty() ? row : static_cast<size_t>(rows[row]), i % width, where);
    }
    if (set.mask.empty()) {
      set.mask = make_array(DType::u8, set.x.shape, where);
      std::memset(set.mask.data.data(), 1, set.mask.data.size());
    }
    set.mask.as<uint8_t>()[i] = 0;
    x[i] = 0;
  }
}

void check_finite(RawSet& set, std::string_view where, bool nan_is_missing,
                  std::span<const int64_t> rows = {}) {
  if (set.x.dtype == DType::f64) return check_finite<double>(set, where, nan_is_missing, rows);
  check_finite<float>(set, where, nan_is_missing, rows);
}

/// [N, 3, H, W] to [N, H, W, 3].
Array channels_last(const Array& in) {
  auto n = static_cast<size_t>(in.shape[0]), c = static_cast<size_t>(in.shape[1]);
  auto pixels = static_cast<size_t>(in.shape[2] * in.shape[3]);
  Array out{in.dtype, {in.shape[0], in.shape[2], in.shape[3], in.shape[1]}, Bytes(in.data.size())};
  for (size_t i = 0; i < n; ++i) {
    const std::byte* from = in.data.data() + i * c * pixels;
    std::byte* to = out.data.data() + i * c * pixels;
    for (size_t channel = 0; channel < c; ++channel) {
      for (size_t p = 0; p < pixels; ++p) to[p * c + channel] = from[channel * pixels + p];
    }
  }
  return out;
}

bool is_channels(int64_t d) { return d == 1 || d == 3; }

bool is_image(const Array& a) {
  if (a.dtype != DType::u8) return false;
  return a.shape.size() == 3 ||
         (a.shape.size() == 4 && (is_channels(a.shape[3]) || is_channels(a.shape[1])));
}

std::vector<int64_t> to_integers(const Array& a) {
  return visit(a, [](auto from) { return std::vector<int64_t>(from.begin(), from.end()); });
}

/// The distinct values in order, or nothing when there are more than kMaxClasses.
std::optional<std::vector<int64_t>> find_classes(std::vector<int64_t> values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
  if (values.size() > kMaxClasses) return std::nullopt;
  return values;
}

Array class_indices(const std::vector<int64_t>& values, const std::vector<int64_t>& classes) {
  Array out = make_array(DType::i64, {static_cast<int64_t>(values.size())});
  auto to = out.as<int64_t>();
  for (size_t i = 0; i < values.size(); ++i) {
    to[i] = std::lower_bound(classes.begin(), classes.end(), values[i]) - classes.begin();
  }
  return out;
}

void check_label_shape(const Labels& labels, const RawSet& set) {
  const auto& shape = labels.values.shape;
  bool flat = shape.size() == 1 || (shape.size() == 2 && shape[1] == 1);
  ELBO_CHECK(flat && shape[0] == set.x.rows(), Code::data,
             "{}: labels of shape {} for {} examples, expected [{}]", labels.where,
             shape_text(shape), set.x.rows(), set.x.rows());
}

Array float_targets(const Labels& labels) {
  RawSet column;
  column.x = to_floating(labels.values, {labels.values.rows(), 1}, labels.where);
  check_finite(column, labels.where, false);
  column.x.shape.pop_back();
  return std::move(column.x);
}

}  // namespace

Bytes SourceFiles::read(const Path& path, std::string name) {
  Bytes bytes = read_file(path);
  ELBO_CHECK(!bytes.empty(), Code::data, "{}: the file is empty", path.string());
  if (name.empty()) name = path.filename().string();
  hashes_.emplace_back(std::move(name), sha256(bytes));
  return is_gzip(bytes) ? gunzip(bytes, path.string()) : bytes;
}

void SourceFiles::add(std::string name, std::string sha256) {
  hashes_.emplace_back(std::move(name), std::move(sha256));
}

std::string SourceFiles::fingerprint() const {
  if (hashes_.size() == 1) return hashes_[0].second;
  std::string lines;
  for (const auto& [name, hash] : hashes_) lines += name + " " + hash + "\n";
  return sha256(lines);
}

std::string data_name(const Path& path) {
  Path name = path.filename();
  if (name.empty() || name == "." || name == "..") {
    std::error_code error;
    Path whole = std::filesystem::weakly_canonical(path, error);
    name = error ? path : whole;
    if (!name.has_filename()) name = name.parent_path();
    name = name.filename();
  }
  if (name.extension() == ".gz") name = name.stem();
  std::error_code error;
  bool is_folder = std::filesystem::is_directory(path, error);
  std::string out = is_folder ? name.string() : name.stem().string();
  return out.empty() ? "data" : out;
}

Bytes content_head(std::span<const std::byte> head) {
  return is_gzip(head) ? gunzip_head(head, 4096) : Bytes(head.begin(), head.end());
}

bool loses_in_f32(double error, double low, double high) {
  bool is_beyond_f32 = error > 1e-7 * std::max(std::abs(low), std::abs(high));
  return error >= 0.5 || is_beyond_f32 || (high > low && error > 1e-6 * (high - low));
}

void PrecisionCheck::add(const Array& rows, size_t columns) {
  bool fits_f32 = dtype_size(rows.dtype) <= 2 || rows.dtype == DType::f32;
  if (fits_f32 || columns == 0) return;
  low_.resize(columns, std::numeric_limits<double>::infinity());
  high_.resize(columns, -std::numeric_limits<double>::infinity());
  error_.resize(columns);
  visit(rows, [&](auto from) {
    for (size_t i = 0; i < from.size(); ++i) {
      auto v = static_cast<double>(from[i]);
      double error = std::abs(v - static_cast<double>(static_cast<float>(v)));
      size_t c = i % columns;
      low_[c] = v < low_[c] ? v : low_[c];  // NaN compares false
      high_[c] = v > high_[c] ? v : high_[c];
      error_[c] = error > error_[c] ? error : error_[c];
    }
  });
}

DType PrecisionCheck::type() const {
  for (size_t c = 0; c < error_.size(); ++c) {
    if (low_[c] <= high_[c] && loses_in_f32(error_[c], low_[c], high_[c])) return DType::f64;
  }
  return DType::f32;
}

void note_shape(DType dtype, const std::vector<int64_t>& shape, std::vector<std::string>& notes) {
  Array array{dtype, shape, {}};
  if (shape.size() <= 2 || is_image(array)) return;
  notes.push_back(fmt::format(
      "{} {} is read as {} columns; images are u8 [N, H, W] or [N, H, W, 3], bytes from 0 to 255",
      dtype_name(dtype), shape_text(shape), array.size() / shape[0]));
}

std::string fill_examples(RawSet& set, Array array, std::string_view where, bool nan_is_missing,
                          std::vector<std::string>* notes, std::span<const int64_t> rows,
                          std::optional<DType> numbers) {
  ELBO_CHECK(!array.shape.empty() && !array.data.empty(), Code::data,
             "{}: an array of shape {} holds no examples, expected [N, ...]", where,
             shape_text(array.shape));
  if (!is_image(array)) {
    int64_t n = array.shape[0];
    if (notes) note_shape(array.dtype, array.shape, *notes);
    int64_t width = array.size() / n;
    if (!numbers) {
      PrecisionCheck check;
      check.add(array, static_cast<size_t>(width));
      numbers = check.type();
    }
    set.x = to_floating(std::move(array), {n, width}, where, *numbers);
    check_finite(set, where, nan_is_missing, rows);
    return "table";
  }
  if (array.shape.size() == 4 && !is_channels(array.shape[3])) {
    if (array.shape[1] == 1) {
      array.shape.erase(array.shape.begin() + 1);
    } else {
      array = channels_last(array);
    }
  }
  if (array.shape.size() == 4 && array.shape[3] == 1) array.shape.pop_back();
  set.x = std::move(array);
  return "image";
}

void fill_labels(RawData& data, const Labels& train, const Labels& test) {
  check_label_shape(train, data.train);
  bool has_test = data.test && !test.values.shape.empty();
  if (has_test) check_label_shape(test, *data.test);
  bool whole = !is_float(train.values.dtype) && (!has_test || !is_float(test.values.dtype));
  if (whole) {
    auto train_values = to_integers(train.values), all = train_values;
    auto test_values = has_test ? to_integers(test.values) : std::vector<int64_t>{};
    all.insert(all.end(), test_values.begin(), test_values.end());
    if (auto classes = find_classes(std::move(all))) {
      for (int64_t c : *classes) data.label_names.push_back(fmt::format("{}", c));
      data.train.y = class_indices(train_values, *classes);
      if (has_test) data.test->y = class_indices(test_values, *classes);
      return;
    }
  }
  data.train.y = float_targets(train);
  if (has_test) data.test->y = float_targets(test);
}

void check_same_shape(const RawData& data, std::string_view test, std::string_view train) {
  auto event = [](const RawSet& set) {
    return std::vector<int64_t>(set.x.shape.begin() + 1, set.x.shape.end());
  };
  ELBO_CHECK(data.train.x.dtype == data.test->x.dtype && event(data.train) == event(*data.test),
             Code::data, "{}: examples {} of {}, expected {} of {} as in {}", test,
             shape_text(event(*data.test)), dtype_name(data.test->x.dtype),
             shape_text(event(data.train)), dtype_name(data.train.x.dtype), train);
}

std::vector<Path> list_folder(const Path& folder) {
  std::vector<Path> out;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    if (it->path().filename().string()[0] != '.') out.push_back(it->path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace elbo
