// SPDX-License-Identifier: Apache-2.0
#include "elbo/fused/dense.h"

#include <algorithm>

namespace elbo::fused {
namespace {

constexpr int64_t kGradientHeight = 64;       // rows of weights in a turn
constexpr int64_t kSparseGradientRows = 256;  // rows of transposed weights

}  // namespace

Dense::Dense(Signal& in, Signal& out, Parameter weight, Parameter bias, const SparseInput* sparse,
             bool has_panels)
    : in_(in),
      out_(out),
      weight_(weight),
      bias_(bias),
      sparse_(sparse),
      has_panels_(has_panels),
      gemms_(gemm_kernels(isa())),
      activations_(activation_kernels(isa())) {}

int64_t Dense::scratch() const {
  int64_t panel = kPanelVectors * gemms_.lanes;
  if (!sparse_) return kGemmScratch;
  int64_t deepest = std::max(in_.width, sparse_->rows());
  return std::max(kGemmScratch, (deepest + kSparseGradientRows) * panel);
}

void Dense::draw(Rng& rng, int64_t rows) {
  if (out_.dropout == 0) return;
  auto rate = static_cast<float>(out_.dropout);
  std::span<float> keep(out_.keep.data(), static_cast<size_t>(rows * out_.width));
  rng.uniform(keep);
  for (float& k : keep) k = k >= rate ? 1 / (1 - rate) : 0;
}

Gemm Dense::product(int64_t rows) const {
  Gemm g;
  g.m = rows, g.n = out_.width, g.k = in_.width;
  g.a = in_.value, g.lda = in_.width;
  g.b = weight_.value, g.ldb = in_.width, g.b_transposed = true;
  g.c = out_.activated.data(), g.ldc = out_.width;
  return g;
}

void Dense::activate(const Block& b) const {
  for (int64_t r = b.row; r < b.row + b.rows; ++r) {
    int64_t at = r * out_.width + b.column;
    float* sums = out_.sums.data() ? out_.sums.data() + at : nullptr;
    float* y = out_.activated.data() + at;
    activations_.forward(out_.activation, bias_.value + b.column, y, sums, b.columns);
    if (out_.dropout == 0) continue;
    std::copy_n(y, b.columns, out_.dropped.data() + at);
    activations_.multiply(out_.keep.data() + at, out_.dropped.data() + at, b.columns);
  }
}

void Dense::forward(const Work& w) {
  const Gemm whole = product(w.rows);
  Grid grid(whole.m, whole.n, gemms_.lanes, w.team.size());
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
      gemms_.block(g, b, scratch);
    }
    activate(b);
  });
}

void Dense::input_gradient(const Gemm& g, const Block& b, float* scratch) const {
  gemms_.block(g, b, scratch);
  for (int64_t r = b.row; r < b.row + b.rows; ++r) {
    int64_t at = r * in_.width + b.column;
    float* d = in_.gradient.data() + at;
    if (in_.dropout > 0) activations_.multiply(in_.keep.data() + at, d, b.columns);
    const float* sums = in_.sums.data() ? in_.sums.data() + at : nullptr;
    activations_.backward(in_.activation, in_.activated.data() + at, sums, d, b.columns);
  }
}

void Dense::weight_gradient(int64_t rows, const Block& b, float* scratch) const {
  Gemm g;
  g.m = out_.width, g.n = in_.width, g.k = rows;
  g.a = out_.gradient.data(), g.lda = out_.width, g.a_transposed = true;
  g.b = in_.value, g.ldb = in_.width;
  g.c = weight_.gradient, g.ldc = in_.width;
  gemms_.block(g, b, scratch);
}

/// Rows of the transposed weights' gradient are sums of rows of d out: those of the examples in
/// which the input is not 0.
void Dense::sparse_weight_gradient(int64_t rows, const Block& b, float* scratch) const {
  int64_t stride = kPanelVectors * gemms_.lanes;
  float* transposed = scratch + rows * stride;
  Gemm g;
  g.m = in_.width, g.n = out_.width, g.k = rows;
  g.b = out_.gradient.data(), g.ldb = out_.width;
  g.c = transposed - b.row * stride - b.column, g.ldc = stride;
  gemms_.sparse_block(g, sparse_->by_column(), b, scratch);
  gemms_.transpose(transposed, stride, b.rows, b.columns,
                   weight_.gradient + b.column * in_.width + b.row, in_.width);
}

void Dense::backward(const Work& w) {
  bool sparse = uses_sparse();
  Gemm to_input;
  to_input.m = w.rows, to_input.n = in_.width, to_input.k = out_.width;
  to_input.a = out_.gradient.data(), to_input.lda = out_.width;
  to_input.b = weight_.value, to_input.ldb = in_.width;
  to_input.c = in_.gradient.data(), to_input.ldc = in_.width;
  Grid inputs(in_.has_gradient ? w.rows : 0, in_.width, gemms_.lanes, w.team.size());
  Grid weights = sparse ? Grid(in_.width, out_.width, gemms_.lanes, kSparseGradientRows)
                        : Grid(out_.width, in_.width, gemms_.lanes, kGradientHeight);
  Panels biases(out_.width, gemms_.lanes);
  int64_t first_bias = inputs.turns() + weights.turns();
  w.team.each(first_bias + biases.count(), [&](int member, int64_t turn) {
    float* scratch = w.scratch(member);
    if (turn < inputs.turns()) {
      input_gradient(to_input, inputs.block(turn), scratch);
    } else if (turn < first_bias) {
      Block b = weights.block(turn - inputs.turns());
      sparse ? sparse_weight_gradient(w.rows, b, scratch) : weight_gradient(w.rows, b, scratch);
    } else {
      int64_t at = biases.begin(turn - first_bias);
      activations_.column_sums(out_.gradient.data() + at, out_.width, w.rows,
                               biases.width(turn - first_bias), bias_.gradient + at);
    }
  });
}

Tensor in_panels(const Tensor& weight) {
  Panels panels(weight.size(0), gemm_kernels(isa()).lanes);
  std::vector<Tensor> out;
  for (int64_t i = 0; i < panels.count(); ++i) {
    out.push_back(weight.narrow(0, panels.begin(i), panels.width(i)).t().reshape(-1));
  }
  return at::cat(out);
}

}  // namespace elbo::fused
