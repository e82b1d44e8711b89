// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>

#include "elbo/models/model.h"

namespace elbo::fused {

/// A flat VAE whose pass, encode and decode run on the kernels: the same draws from the same Rng,
/// the same numbers but for rounding, log densities in f64. What a decoder puts out is held for
/// some hundred rows a thread, however many draws a pass asks for. What the encoder puts out is
/// kept until another batch comes, so that several passes over one batch encode it once.
///
/// It works with as many threads as LibTorch had when it was made. `model` must outlive it, stay
/// in evaluation mode and keep its weights meanwhile. Null where the kernels cannot run the model
/// (see why_not_planned) or it is in training mode.
std::unique_ptr<Model> try_fused_model(Model& model);

}  // namespace elbo::fused
