// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/models/model.h"

namespace elbo {

/// The flat VAE: one encoder, one posterior, one prior, one decoder, one likelihood. With the point
/// posterior it is a plain autoencoder.
std::shared_ptr<Model> make_vae(const ModelOptions& options, const Schema& schema, Rng& rng);

/// Sets the KL(q || p) of a group of latents where it has a closed form: that of each dimension
/// where it separates, else the whole, and with `marginals` that of each dimension too.
void add_kl(const Distribution& q, const Distribution& p, bool marginals, Latent& latent);

}  // namespace elbo
