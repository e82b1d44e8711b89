// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/raw.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

#include "elbo/io/array_visit.h"
#include "elbo/io/gzip.h"

namespace elbo {
namespace {

template <class T>
void convert(const Array& in, std::span<T> to) {
  visit_elements(in, [&](auto from) {
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

/// "row 3, column 4 (from 0)" of a table, "[3, 10, 12] (from 0)" of images.
std::string place_text(const std::vector<int64_t>& shape, size_t element, int64_t row) {
  if (shape.size() == 2) {
    return fmt::format("row {}, column {} (from 0)", row, element % static_cast<size_t>(shape[1]));
  }
  std::vector<int64_t> index(shape.size());
  for (size_t d = shape.size(); d-- > 1; element /= static_cast<size_t>(shape[d])) {
    index[d] = static_cast<int64_t>(element % static_cast<size_t>(shape[d]));
  }
  index[0] = row;
  return shape_text(index) + " (from 0)";
}

[[noreturn]] void refuse(double value, const std::string& place, std::string_view where) {
  if (std::isnan(value)) {
    fail(Code::data,
         "{}: NaN at {}, expected a finite number\n"
         "If NaN marks missing cells: --reader npy --reader.missing nan (for .npz: --reader npz)",
         where, place);
  }
  fail(Code::data,
       "{}: {} at {}, expected a finite number\n"
       "Remove the row or replace the value.",
       where, value, place);
}

template <class T>
void check_finite(RawSet& set, std::string_view where, bool nan_is_missing,
                  std::span<const int64_t> rows) {
  auto x = set.x.as<T>();
  size_t width = x.size() / static_cast<size_t>(std::max<int64_t>(set.x.rows(), 1));
  for (size_t i = 0; i < x.size(); ++i) {
    if (std::isfinite(x[i])) continue;
    if (!std::isnan(x[i]) || !nan_is_missing) {
      size_t row = i / width;
      refuse(x[i], place_text(set.x.shape, i, rows.empty() ? static_cast<int64_t>(row) : rows[row]),
             where);
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
  visit_elements(rows, [&](auto from) {
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

std::string fill_examples(RawSet& set, Array array, std::string_view where, bool nan_is_missing,
                          std::vector<std::string>* notes, std::span<const int64_t> rows,
                          std::optional<DType> numbers) {
  ELBO_CHECK(!array.shape.empty() && !array.data.empty(), Code::data,
             "{}: an array of shape {} holds no examples, expected [N, ...]", where,
             shape_text(array.shape));
  if (notes) note_shape(array.dtype, array.shape, *notes);
  bool images = is_image(array.dtype, array.shape);
  if (images) {
    array = channels_last(std::move(array));
  } else {
    array.shape = {array.shape[0], array.size() / array.shape[0]};
  }
  if (images && (array.dtype == DType::u8 || array.dtype == DType::boolean)) {
    if (array.dtype == DType::boolean) {
      for (uint8_t& v : array.as<uint8_t>()) v = v != 0;
    }
    array.dtype = DType::u8;
    set.x = std::move(array);
  } else {
    if (images) numbers = DType::f32;
    if (!numbers) {
      PrecisionCheck check;
      check.add(array, static_cast<size_t>(array.shape[1]));
      numbers = check.type();
    }
    std::vector<int64_t> shape = array.shape;
    set.x = to_floating(std::move(array), std::move(shape), where, *numbers);
    check_finite(set, where, nan_is_missing, rows);
  }
  return images ? "image" : "table";
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

std::vector<Path> list_folder(const Path& folder, bool with_hidden) {
  std::vector<Path> out;
  std::error_code error;
  for (std::filesystem::directory_iterator it(folder, error), end; !error && it != end;
       it.increment(error)) {
    bool hidden = it->path().filename().string()[0] == '.';
    if (with_hidden || !hidden) out.push_back(it->path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace elbo
