// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/models/model.h"

namespace elbo {

/// The flat VAE: one encoder, one posterior, one prior, one decoder, one likelihood. With the point
/// posterior it is a plain autoencoder.
std::shared_ptr<Model> make_vae(const ModelOptions& options, const Schema& schema, Rng& rng);

}  // namespace elbo
