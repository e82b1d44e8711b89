// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/core/rng.h"
#include "elbo/tensor/torch.h"

namespace elbo {

/// Standard normals, f32 or f64, on the CPU from our own generator; on another device drawn by a
/// generator of that device seeded with the same key.
Tensor normal(Rng& rng, at::IntArrayRef shape, at::TensorOptions options = at::kFloat);
/// Uniform on [0, 1), likewise.
Tensor uniform(Rng& rng, at::IntArrayRef shape, at::TensorOptions options = at::kFloat);

/// Row b of the result is drawn by `rng.at(rows[b])`, so an example meets the same numbers in
/// whatever batch it stands, and on every device. rows [B] i64 on the CPU; returns [B, n] f32.
Tensor uniform_by_row(const Rng& rng, const Tensor& rows, int64_t n, at::Device device = at::kCPU);
/// The same bits by LibTorch's operators, where rows are: what other devices than the CPU do.
Tensor uniform_by_row_by_operators(const Rng& rng, const Tensor& rows, int64_t n);
/// Ones with the chances p [B, ...], zeros otherwise, f32: uniform_by_row < p in one pass, where p
/// is; p is f32, or bytes that stand for p / 255. rows [B] i64 on the CPU.
Tensor bernoulli_by_row(const Rng& rng, const Tensor& rows, const Tensor& p);

/// Noise for the rows of a batch, keyed by the example that a row shows and never by its place, so
/// that an example meets the same numbers in whatever batch it stands. Each call draws other
/// numbers than the one before.
class RowNoise {
 public:
  /// examples [N] i64 on the CPU; undefined: rows show the examples 0 .. n - 1.
  RowNoise(const Rng& rng, const Tensor& examples, int64_t n);
  int64_t rows() const { return count_ * draws_; }
  /// [N, n] uniform on [0, 1).
  Tensor uniform(int64_t n, at::TensorOptions options = at::kFloat);
  /// [K, N, n] standard normals: K draws of n for each row.
  Tensor normal(int64_t k, int64_t n, at::TensorOptions options = at::kFloat);
  /// For the K N rows that K draws make of these, draw after draw.
  RowNoise draws(int64_t k);
  /// A generator for what is not drawn by row.
  Rng split() { return rng_.split(); }

 private:
  /// What row r is keyed by: its example, and above the 48 bits that this may have its draw.
  uint64_t key(int64_t r) const;
  /// fill(generator, row) for every row.
  template <class Fill>
  void for_each_row(Fill fill);

  Rng rng_;
  Tensor examples_;  // [count], or undefined
  int64_t count_, draws_ = 1;
};

}  // namespace elbo
