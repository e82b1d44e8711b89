// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "elbo/core/cpu.h"

namespace elbo {

/// What batch and layer normalisation do to n elements that lie together. xh = (x - mean) inverse
/// is the normalised x. In batch normalisation mean and inverse belong to a column, in layer
/// normalisation to a row.
struct NormKernels {
  /// sums[i] += x[i].
  void (*add)(const float* x, int64_t n, float* sums);
  /// squares[i] += (x[i] - mean[i])^2.
  void (*add_squares)(const float* x, const float* mean, int64_t n, float* squares);
  /// y = (x - mean) factor + shift, by column.
  void (*by_column)(const float* x, const float* mean, const float* factor, const float* shift,
                    int64_t n, float* y);
  /// sum[i] += g[i], product[i] += g[i] xh[i], by column.
  void (*add_gradients)(const float* g, const float* x, const float* mean, const float* inverse,
                        int64_t n, float* sum, float* product);
  /// dx = factor (g - a - xh b), by column.
  void (*column_gradient)(const float* g, const float* x, const float* mean, const float* inverse,
                          const float* factor, const float* a, const float* b, int64_t n,
                          float* dx);

  /// The sum of x - mean, and of its squares.
  void (*row_sums)(const float* x, float mean, int64_t n, double* sum, double* squares);
  /// y = xh weight + bias, by row.
  void (*by_row)(const float* x, float mean, float inverse, const float* weight, const float* bias,
                 int64_t n, float* y);
  /// The sums of g weight and of g weight xh; d_weight[i] += g[i] xh[i] and d_bias[i] += g[i].
  void (*row_gradients)(const float* g, const float* x, float mean, float inverse,
                        const float* weight, int64_t n, double* sum, double* product,
                        float* d_weight, float* d_bias);
  /// dx = inverse (g weight - a - xh b), by row.
  void (*row_gradient)(const float* g, const float* x, float mean, float inverse,
                       const float* weight, float a, float b, int64_t n, float* dx);
};

const NormKernels& norm_kernels(Isa isa);

}  // namespace elbo
