// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/sparse.h"

#include <algorithm>

#include "elbo/io/array_visit.h"

namespace elbo {
namespace {

/// The elements as f64, of any numeric type.
std::vector<double> numbers(const Array& array) {
  std::vector<double> out;
  out.reserve(static_cast<size_t>(array.size()));
  visit_elements(array, [&](auto values) {
    for (auto v : values) {
      out.push_back(array.dtype == DType::f16 ? double{half_to_float(static_cast<uint16_t>(v))}
                                              : static_cast<double>(v));
    }
  });
  return out;
}

class Dense {
 public:
  Dense(const SparseParts& parts, const std::string& where, uint64_t max_bytes)
      : parts_(parts), where_(where) {
    bool is_matrix = parts.shape.size() == 2 && parts.shape[0] > 0 && parts.shape[1] > 0;
    ELBO_CHECK(is_matrix, Code::data, "{}: a sparse array of shape {}, expected a matrix [N, D]",
               where, shape_text(parts.shape));
    DType type = parts.data.dtype;
    bool is_wide = dtype_size(type) >= 4 && type != DType::f32;
    DType dtype = is_wide ? DType::f64 : DType::f32;
    double bytes = static_cast<double>(parts.shape[0]) * static_cast<double>(parts.shape[1]) *
                   static_cast<double>(dtype_size(dtype));
    ELBO_CHECK(bytes <= static_cast<double>(max_bytes), Code::resource,
               "{}: a sparse matrix {} that takes {:.3g} GiB with its zeros, and {:.3g} GiB of "
               "memory are free for it\nSave fewer columns, such as those that vary most: "
               "scipy.sparse.save_npz(path, matrix[:, columns])",
               where, shape_text(parts.shape), bytes / (1 << 30),
               static_cast<double>(max_bytes) / (1 << 30));
    out_ = make_array(dtype, parts.shape, where, max_bytes);
    values_ = numbers(parts.data);
  }

  Array make() {
    const std::string& format = parts_.format;
    if (format == "csr" || format == "csc") {
      check_values({parts_.indices.rows()});
      compressed(1, 1, format == "csc");
    }
    if (format == "bsr") blocks();
    if (format == "coo") coordinates();
    if (format == "dia") diagonals();
    return std::move(out_);
  }

 private:
  [[noreturn]] void refuse(std::string_view part, const std::string& found) const {
    fail(Code::data,
         "{}: array '{}' of a sparse {} matrix {}: {}\nThe file is damaged; save it "
         "again.",
         where_, part, parts_.format, shape_text(parts_.shape), found);
  }

  std::vector<int64_t> indices(const Array& array, std::string_view part) const {
    if (array.shape.size() != 1 || is_float(array.dtype)) {
      refuse(part, fmt::format("{} of shape {}, expected whole numbers [n]",
                               dtype_name(array.dtype), shape_text(array.shape)));
    }
    return visit_elements(array,
                          [](auto from) { return std::vector<int64_t>(from.begin(), from.end()); });
  }

  void check_values(const std::vector<int64_t>& expected) const {
    if (parts_.data.shape == expected) return;
    refuse("data", fmt::format("shape {}, expected {}", shape_text(parts_.data.shape),
                               shape_text(expected)));
  }

  void add(int64_t row, int64_t column, double value, std::string_view part) {
    bool inside = row >= 0 && row < parts_.shape[0] && column >= 0 && column < parts_.shape[1];
    if (!inside) refuse(part, fmt::format("a value at [{}, {}]", row, column));
    auto at = static_cast<size_t>(row * parts_.shape[1] + column);
    if (out_.dtype == DType::f32) out_.as<float>()[at] += static_cast<float>(value);
    if (out_.dtype == DType::f64) out_.as<double>()[at] += value;
  }

  /// Rows (or columns) of blocks [height, width], one after another; indices say where in its row
  /// each stands.
  void compressed(int64_t height, int64_t width, bool by_columns) {
    std::vector<int64_t> starts = indices(parts_.indptr, "indptr"),
                         places = indices(parts_.indices, "indices");
    int64_t lines = by_columns ? parts_.shape[1] : parts_.shape[0] / height;
    int64_t most = by_columns ? parts_.shape[0] : parts_.shape[1] / width;
    auto n = static_cast<int64_t>(places.size());
    bool rises = static_cast<int64_t>(starts.size()) == lines + 1 && starts[0] == 0 &&
                 starts.back() == n && std::is_sorted(starts.begin(), starts.end());
    if (!rises) {
      refuse("indptr", fmt::format("expected {} numbers that rise from 0 to {}", lines + 1, n));
    }
    size_t at = 0;
    for (int64_t line = 0; line < lines; ++line) {
      for (int64_t i = starts[static_cast<size_t>(line)]; i < starts[static_cast<size_t>(line) + 1];
           ++i) {
        int64_t place = places[static_cast<size_t>(i)];
        if (place < 0 || place >= most) {
          refuse("indices", fmt::format("an index {}, expected 0 to {}", place, most - 1));
        }
        for (int64_t y = 0; y < height; ++y) {
          for (int64_t x = 0; x < width; ++x, ++at) {
            int64_t row = by_columns ? place : line * height + y;
            int64_t column = by_columns ? line : place * width + x;
            add(row, column, values_[at], "indices");
          }
        }
      }
    }
  }

  void blocks() {
    const auto& shape = parts_.data.shape;
    bool fits = shape.size() == 3 && shape[0] == parts_.indices.rows() && shape[1] > 0 &&
                shape[2] > 0 && parts_.shape[0] % shape[1] == 0;
    if (!fits) refuse("data", fmt::format("blocks of shape {}", shape_text(shape)));
    compressed(shape[1], shape[2], false);
  }

  void coordinates() {
    std::vector<int64_t> rows = indices(parts_.row, "row"), columns = indices(parts_.column, "col");
    check_values({static_cast<int64_t>(rows.size())});
    check_values({static_cast<int64_t>(columns.size())});
    for (size_t i = 0; i < rows.size(); ++i) add(rows[i], columns[i], values_[i], "row");
  }

  /// Element [j - offset, j] is data[k, j] of the diagonal with that offset.
  void diagonals() {
    std::vector<int64_t> offsets = indices(parts_.offsets, "offsets");
    const auto& shape = parts_.data.shape;
    bool fits = shape.size() == 2 && shape[0] == static_cast<int64_t>(offsets.size());
    if (!fits) refuse("data", fmt::format("diagonals of shape {}", shape_text(shape)));
    for (size_t k = 0; k < offsets.size(); ++k) {
      for (int64_t j = 0; j < std::min(shape[1], parts_.shape[1]); ++j) {
        bool is_outside = offsets[k] > j || offsets[k] <= j - parts_.shape[0];
        if (is_outside) continue;
        add(j - offsets[k], j, values_[k * static_cast<size_t>(shape[1]) + static_cast<size_t>(j)],
            "offsets");
      }
    }
  }

  const SparseParts& parts_;
  std::string where_;
  Array out_;
  std::vector<double> values_;
};

}  // namespace

Array to_dense(const SparseParts& parts, const std::string& where, uint64_t max_bytes) {
  return Dense(parts, where, max_bytes).make();
}

}  // namespace elbo
