// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "elbo/core/cpu.h"

namespace elbo {

/// What follows a layer's sums; the formulas are those of nets/layers.h.
enum class Activation { none, relu, tanh, sigmoid, leaky_relu, elu, gelu, silu, softplus };

std::optional<Activation> try_activation(std::string_view name);

/// Whether the gradient needs the sums themselves, not only the activated values.
constexpr bool needs_sums(Activation a) { return a == Activation::gelu || a == Activation::silu; }

/// Rows that are added up in f32; their sums are added up in f64, so that a sum of any number of
/// terms of one sign is within kSumRows 2^-24 of itself.
constexpr int64_t kSumRows = 128;

/// Over rows of n elements.
struct ActivationKernels {
  /// y <- act(y + bias); y + bias is kept in `sums` unless that is null.
  void (*forward)(Activation a, const float* bias, float* y, float* sums, int64_t n);
  /// dy <- dy act'(sums), where y = act(sums); sums only where needs_sums.
  void (*backward)(Activation a, const float* y, const float* sums, float* dy, int64_t n);
  /// x <- x factors, for dropout.
  void (*multiply)(const float* factors, float* x, int64_t n);
  /// out[j] = sum over rows of x[row * stride + j], for biases.
  void (*column_sums)(const float* x, int64_t stride, int64_t rows, int64_t n, float* out);
  /// The sum of squares of rows of n elements; not finite where some are not.
  double (*square_sum)(const float* x, int64_t stride, int64_t rows, int64_t n);
};

const ActivationKernels& activation_kernels(Isa isa);

}  // namespace elbo
