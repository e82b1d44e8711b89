// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "elbo/sequential/packed_weight.h"
#include "elbo/sequential/sparse_input.h"
#include "elbo/sequential/stage.h"
#include "elbo/tensor/torch.h"

namespace elbo::sequential {

/// out = dropout(activation(in weight^T + bias)); weight [out, in].
///
/// Backwards: d in = (d out weight) act'(in), d weight = d out^T in, d bias = column sums of d out.
/// The three are shared out as one loop, since none needs another.
class Dense : public Stage {
 public:
  /// sparse: the same batch as `in` as lists of its non-zeros, or null; what is found through them
  /// is in f32 whatever the precision. packed: the weight for products in bf16, null for those in
  /// f32. has_panels: weight is laid out by in_panels(), which only forward() in f32 knows how to
  /// read.
  Dense(Signal& in, Signal& out, const Parameter& weight, const Parameter& bias,
        const SparseInput* sparse, PackedWeight* packed, bool has_panels = false);
  std::string name() const override;
  void reserve(int64_t rows) override;
  int64_t scratch() const override;
  void draw(RowNoise& noise, int64_t rows) override { out_.draw_keep(noise, rows); }
  void forward(const Work& work) override;
  void backward(const Work& work) override;
  double operations(int64_t rows) const override;

 private:
  bool uses_sparse() const { return sparse_ && sparse_->is_sparse(); }
  Grid grid(int64_t rows, int64_t columns, int members) const;
  Grid forward_grid(const Work& work) const;
  Gemm forward_product(int64_t rows) const;
  Gemm input_product(int64_t rows) const;
  Gemm weight_product(int64_t rows) const;
  void pack_input(const Work& work);
  void input_gradient(const Gemm& g, const Block& block, float* scratch);
  void sparse_weight_gradient(int64_t rows, const Block& block, float* scratch) const;

  Signal &in_, &out_;
  const Parameter &weight_, &bias_;
  const SparseInput* sparse_;
  PackedWeight* packed_;
  bool has_panels_;
  const GemmKernels& gemms_;
  GemmBlock product_;
  Buffer packed_input_;  // as the product for the weight's gradient in bf16 reads it
};

/// weight [out, in] panel after panel of its transpose, as products read it, in one row.
Tensor in_panels(const Tensor& weight);

}  // namespace elbo::sequential
