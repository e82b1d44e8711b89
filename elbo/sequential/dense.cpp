// SPDX-License-Identifier: Apache-2.0
#include "elbo/sequential/dense.h"

#include <fmt/format.h>

#include <algorithm>

namespace elbo::sequential {
namespace {

constexpr int64_t kSparseGradientRows = 256;  // rows of transposed weights

}  // namespace

Dense::Dense(Signal& in, Signal& out, const Parameter& weight, const Parameter& bias,
             const SparseInput* sparse, Precision precision, bool has_panels)
    : in_(in),
      out_(out),
      weight_(weight),
      bias_(bias),
      sparse_(sparse),
      has_panels_(has_panels),
      gemms_(gemm_kernels(isa())),
      product_(gemm_block(precision, isa())),
      input_panels_(in.width, gemms_.lanes, most_vectors(precision)),
      output_panels_(out.width, gemms_.lanes, most_vectors(precision)) {}

std::string Dense::name() const { return fmt::format("dense {} to {}", in_.width, out_.width); }

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
  g.c = out_.activated, g.ldc = out_.width;
  return g;
}

void Dense::forward(const Work& w) {
  const Gemm whole = forward_product(w.rows);
  int members = w.team.size();
  Panels panels = uses_sparse() ? Panels(whole.n, gemms_.lanes) : output_panels_;
  if (!has_panels_) panels = panels.shared_by(members);
  Grid grid = Grid::shared_by(whole.m, panels, members);
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

void Dense::weight_gradient(int64_t rows, const Block& b, float* scratch) const {
  Gemm g;
  g.m = out_.width, g.n = in_.width, g.k = rows;
  g.a = out_.gradient, g.lda = out_.width, g.a_transposed = true;
  g.b = in_.value, g.ldb = in_.width;
  g.c = weight_.gradient, g.ldc = in_.width;
  product_(g, b, scratch);
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
  Gemm to_input;
  to_input.m = w.rows, to_input.n = in_.width, to_input.k = out_.width;
  to_input.a = out_.gradient, to_input.lda = out_.width;
  to_input.b = weight_.value, to_input.ldb = in_.width;
  to_input.c = in_.gradient, to_input.ldc = in_.width;
  int members = w.team.size();
  Panels panels = input_panels_.shared_by(members);
  Grid inputs = Grid::shared_by(in_.has_gradient ? w.rows : 0, panels, members);
  int64_t weight_rows = !weight_.gradient ? 0 : sparse ? in_.width : out_.width;
  Grid weights =
      sparse ? Grid::of_height(weight_rows, Panels(out_.width, gemms_.lanes), kSparseGradientRows)
             : Grid::shared_by(weight_rows, panels, members);
  Panels biases(out_.width, gemms_.lanes);
  int64_t first_bias = inputs.turns() + weights.turns();
  int64_t turns = first_bias + (bias_.gradient ? biases.count() : 0);
  w.team.each(turns, [&](int member, int64_t turn) {
    float* scratch = w.scratch(member);
    if (turn < inputs.turns()) {
      input_gradient(to_input, inputs.block(turn), scratch);
    } else if (turn < first_bias) {
      Block b = weights.block(turn - inputs.turns());
      sparse ? sparse_weight_gradient(w.rows, b, scratch) : weight_gradient(w.rows, b, scratch);
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
