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
/// whatever batch it stands. rows [B] i64 on the CPU; returns [B, n] f32 on the CPU.
Tensor uniform_by_row(const Rng& rng, const Tensor& rows, int64_t n);
/// Ones with the chances p [B, ...] f32, zeros otherwise: uniform_by_row < p in one pass.
Tensor bernoulli_by_row(const Rng& rng, const Tensor& rows, const Tensor& p);

}  // namespace elbo
