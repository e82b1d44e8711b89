// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "elbo/kernels/gemm.h"
#include "elbo/sequential/stage.h"

namespace elbo::sequential {

/// The batch that enters the first layer as lists of its non-zeros, by row and by column, made anew
/// for each batch that has few enough of them: the first layer's products then walk these.
class SparseInput {
 public:
  /// most: the share of non-zeros up to which there are lists; 0 for none at all.
  SparseInput(int64_t width, double most) : width_(width), most_(most) {}
  void reserve(int64_t rows);
  int64_t rows() const { return rows_; }          ///< that there is room for
  int64_t nonzeros() const { return nonzeros_; }  ///< of the batch that was read
  bool has_room() const { return most_ > 0 && rows_ * width_ <= kMostElements; }
  bool is_sparse() const { return is_sparse_; }
  SparseRows by_row() const;
  SparseRows by_column() const;
  /// x [work.rows, width].
  void read(const Work& work, const float* x);

 private:
  void count(int64_t rows);
  void list_columns(int64_t rows);

  /// Elements of a batch up to which it is looked at, since room is kept for 8 bytes for each.
  static constexpr int64_t kMostElements = 1 << 24;
  int64_t width_;
  double most_;
  int64_t rows_ = 0, nonzeros_ = 0;
  bool is_sparse_ = false;
  const GemmKernels& gemms_ = gemm_kernels(isa());
  std::vector<int32_t> starts_, ends_, columns_;  // row r's list begins at r * width
  std::vector<float> values_;
  std::vector<int32_t> column_starts_, column_ends_, rows_of_;
  std::vector<float> column_values_;
};

}  // namespace elbo::sequential
