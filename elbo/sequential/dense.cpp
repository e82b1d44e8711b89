// SPDX-License-Identifier: Apache-2.0
#include "elbo/sequential/dense.h"

#include <fmt/format.h>

#include <algorithm>

namespace elbo::sequential {
namespace {

constexpr int64_t kSparseGradientRows = 256;  // rows of transposed weights

}  // namespace

Dense::Dense(Signal& in, Signal& out, const Parameter& weight, const Parameter& bias,
             const SparseInput* sparse, PackedWeight* packed, bool has_panels)
    : in_(in),
      out_(out),
      weight_(weight),
      bias_(bias),
      sparse_(sparse),
      packed_(packed),
      has_panels_(has_panels),
      gemms_(gemm_kernels(isa())),
      product_(gemm_block(packed ? Precision::bf16 : Precision::f32, isa())) {}

std::string Dense::name() const { return fmt::format("dense {} to {}", in_.width, out_.width); }

void Dense::reserve(int64_t rows) {
  out_.reserve(rows);
  if (!packed_ || !out_.has_gradient) return;
  int64_t size = bf16_kernels(isa()).packed_size(weight_product(rows));
  if (packed_input_.size() < size) packed_input_ = Buffer(size);
}

int64_t Dense::scratch() const {
  int64_t panel = kPanelVectors * gemms_.lanes;
  if (!sparse_ || !sparse_->has_room()) return kGemmScratch;
  int64_t deepest = std::max(in_.width, sparse_->rows());
  return std::max(kGemmScratch, (deepest + kSparseGradientRows) * panel);
}

Gemm Dense::forward_product(int64_t rows) const {
  Gemm g;
  g.m = rows, g.n = out_.width, g.k = in_.width;
  g.a = in_.value, g.lda = in_.width;
  g.b = weight_.value, g.ldb = in_.width, g.b_transposed = true;
  if (packed_) g.b_packed = packed_->to_output();
  g.c = out_.activated, g.ldc = out_.width;
  return g;
}

Gemm Dense::input_product(int64_t rows) const {
  Gemm g;
  g.m = rows, g.n = in_.width, g.k = out_.width;
  g.a = out_.gradient, g.lda = out_.width;
  g.b = weight_.value, g.ldb = in_.width;
  if (packed_) g.b_packed = packed_->to_input();
  g.c = in_.gradient, g.ldc = in_.width;
  return g;
}

Gemm Dense::weight_product(int64_t rows) const {
  Gemm g;
  g.m = out_.width, g.n = in_.width, g.k = rows;
  g.a = out_.gradient, g.lda = out_.width, g.a_transposed = true;
  g.b = in_.value, g.ldb = in_.width;
  if (packed_) g.b_packed = reinterpret_cast<uint32_t*>(packed_input_.data());
  g.c = weight_.gradient, g.ldc = in_.width;
  return g;
}

/// Of a product that walks no lists.
Grid Dense::grid(int64_t rows, int64_t columns, int members) const {
  if (packed_) return Grid::of_packed(rows, columns, gemms_.lanes, members);
  return Grid::shared_by(rows, Panels(columns, gemms_.lanes).shared_by(members), members);
}

Grid Dense::forward_grid(const Work& w) const {
  Panels panels(out_.width, gemms_.lanes);
  int members = w.team.size();
  if (has_panels_) return Grid::shared_by(w.rows, panels, members);
  if (uses_sparse()) return Grid::shared_by(w.rows, panels.shared_by(members), members);
  return grid(w.rows, out_.width, members);
}

void Dense::forward(const Work& w) {
  if (packed_) packed_->refresh(w.team, !uses_sparse(), in_.has_gradient);
  const Gemm whole = forward_product(w.rows);
  Grid grid = forward_grid(w);
  w.team.each(grid.turns(), [&](int member, int64_t turn) {
    Gemm g = whole;
    Block b = grid.block(turn);
    float* scratch = w.scratch(member);
    if (has_panels_) {
      g.b = weight_.value + b.column * (in_.width - 1);
      g.ldb = b.columns, g.b_transposed = false;
    }
    if (uses_sparse()) {
      gemms_.sparse_block(g, sparse_->by_row(), b, scratch);
    } else {
      product_(g, b, scratch);
    }
    for (int64_t r = b.row; r < b.row + b.rows; ++r) {
      out_.activate(bias_.value + b.column, r * out_.width + b.column, b.columns);
    }
  });
}

void Dense::input_gradient(const Gemm& g, const Block& b, float* scratch) {
  product_(g, b, scratch);
  for (int64_t r = b.row; r < b.row + b.rows; ++r) {
    in_.finish_gradient(r * in_.width + b.column, b.columns);
  }
}

void Dense::pack_input(const Work& w) {
  const Gemm g = weight_product(w.rows);
  w.team.each(ceil_div(w.rows, kPackedRows), [&](int, int64_t turn) {
    int64_t first = turn * kPackedRows;
    bf16_kernels(isa()).pack_b(g, first, std::min(w.rows, first + kPackedRows),
                               reinterpret_cast<uint32_t*>(packed_input_.data()));
  });
}

/// Rows of the transposed weights' gradient are sums of rows of d out: those of the examples in
/// which the input is not 0. The block's are found at once and then transposed.
void Dense::sparse_weight_gradient(int64_t rows, const Block& b, float* scratch) const {
  int64_t stride = kPanelVectors * gemms_.lanes;
  float* transposed = scratch + rows * stride;
  Gemm g;
  g.m = b.rows, g.n = b.columns, g.k = rows;
  g.b = out_.gradient + b.column, g.ldb = out_.width;
  g.c = transposed, g.ldc = stride;
  SparseRows inputs = sparse_->by_column();
  inputs.starts += b.row, inputs.ends += b.row;
  gemms_.sparse_block(g, inputs, {0, b.rows, 0, b.columns}, scratch);
  gemms_.transpose({transposed, stride}, b.rows, b.columns,
                   {weight_.gradient + b.column * in_.width + b.row, in_.width});
}

void Dense::backward(const Work& w) {
  bool sparse = uses_sparse();
  if (packed_ && in_.has_gradient) packed_->refresh(w.team, false, true);
  if (packed_ && weight_.gradient && !sparse) pack_input(w);
  const Gemm to_input = input_product(w.rows), to_weight = weight_product(w.rows);
  int members = w.team.size();
  Grid inputs = grid(in_.has_gradient ? w.rows : 0, in_.width, members);
  int64_t weight_rows = !weight_.gradient ? 0 : sparse ? in_.width : out_.width;
  Grid weights =
      sparse ? Grid::of_height(weight_rows, Panels(out_.width, gemms_.lanes), kSparseGradientRows)
             : grid(weight_rows, in_.width, members);
  Panels biases(out_.width, gemms_.lanes);
  int64_t first_bias = inputs.turns() + weights.turns();
  int64_t turns = first_bias + (bias_.gradient ? biases.count() : 0);
  w.team.each(turns, [&](int member, int64_t turn) {
    float* scratch = w.scratch(member);
    if (turn < inputs.turns()) {
      input_gradient(to_input, inputs.block(turn), scratch);
    } else if (turn < first_bias) {
      Block b = weights.block(turn - inputs.turns());
      sparse ? sparse_weight_gradient(w.rows, b, scratch) : product_(to_weight, b, scratch);
    } else {
      int64_t at = biases.begin(turn - first_bias);
      out_.kernels.column_sums(out_.gradient + at, out_.width, w.rows,
                               biases.width(turn - first_bias), bias_.gradient + at);
    }
  });
}

/// A product out, one for the weights, and one to the input where that has a gradient.
double Dense::operations(int64_t rows) const {
  auto out = static_cast<double>(out_.width);
  double dense = static_cast<double>(rows * in_.width);
  double used = uses_sparse() ? static_cast<double>(sparse_->nonzeros()) : dense;
  return 2 * out * (2 * used + (in_.has_gradient ? dense : 0));
}

Tensor in_panels(const Tensor& weight) {
  Panels panels(weight.size(0), gemm_kernels(isa()).lanes);
  std::vector<Tensor> out;
  for (int64_t i = 0; i < panels.count(); ++i) {
    out.push_back(weight.narrow(0, panels.begin(i), panels.width(i)).t().reshape(-1));
  }
  return at::cat(out);
}

}  // namespace elbo::sequential
