// SPDX-License-Identifier: Apache-2.0
#include "elbo/sequential/sparse_input.h"

#include <algorithm>

namespace elbo::sequential {

void SparseInput::reserve(int64_t rows) {
  if (rows <= rows_) return;
  rows_ = rows;
  if (!has_room()) return;
  auto size = static_cast<size_t>(rows * width_);
  starts_.resize(static_cast<size_t>(rows));
  ends_.resize(static_cast<size_t>(rows));
  columns_.resize(size);
  values_.resize(size);
  column_starts_.resize(static_cast<size_t>(width_));
  column_ends_.resize(static_cast<size_t>(width_));
  auto most = static_cast<size_t>(most_ * static_cast<double>(size)) + 1;
  rows_of_.resize(most);
  column_values_.resize(most);
  for (int64_t r = 0; r < rows; ++r) starts_[size_t(r)] = static_cast<int32_t>(r * width_);
}

SparseRows SparseInput::by_row() const {
  return {starts_.data(), ends_.data(), columns_.data(), values_.data()};
}

SparseRows SparseInput::by_column() const {
  return {column_starts_.data(), column_ends_.data(), rows_of_.data(), column_values_.data()};
}

void SparseInput::read(const Work& w, const float* x) {
  is_sparse_ = false;
  if (!has_room()) return;
  constexpr int64_t kRows = 8;
  w.team.each((w.rows + kRows - 1) / kRows, [&](int, int64_t turn) {
    for (int64_t r = turn * kRows; r < std::min(w.rows, (turn + 1) * kRows); ++r) {
      int64_t at = r * width_;
      int64_t found =
          gemms_.find_nonzeros(x + at, width_, columns_.data() + at, values_.data() + at);
      ends_[size_t(r)] = static_cast<int32_t>(at + found);
    }
  });
  count(w.rows);
  if (is_sparse_) list_columns(w.rows);
}

void SparseInput::count(int64_t rows) {
  nonzeros_ = 0;
  for (int64_t r = 0; r < rows; ++r) nonzeros_ += ends_[size_t(r)] - starts_[size_t(r)];
  is_sparse_ = static_cast<double>(nonzeros_) <= most_ * static_cast<double>(rows * width_);
}

/// By counting: how many each column has, where its list begins, then the lists.
void SparseInput::list_columns(int64_t rows) {
  std::fill(column_ends_.begin(), column_ends_.end(), 0);
  for (int64_t r = 0; r < rows; ++r) {
    for (int32_t i = starts_[size_t(r)]; i < ends_[size_t(r)]; ++i) {
      ++column_ends_[size_t(columns_[size_t(i)])];
    }
  }
  int32_t begin = 0;
  for (size_t c = 0; c < column_starts_.size(); ++c) {
    column_starts_[c] = begin;
    begin += column_ends_[c];
    column_ends_[c] = column_starts_[c];
  }
  for (int64_t r = 0; r < rows; ++r) {
    for (int32_t i = starts_[size_t(r)]; i < ends_[size_t(r)]; ++i) {
      auto at = static_cast<size_t>(column_ends_[size_t(columns_[size_t(i)])]++);
      rows_of_[at] = static_cast<int32_t>(r);
      column_values_[at] = values_[size_t(i)];
    }
  }
}

}  // namespace elbo::sequential
