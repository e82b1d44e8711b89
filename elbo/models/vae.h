// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "elbo/models/model.h"
#include "elbo/nets/network.h"
#include "elbo/prob/likelihood.h"
#include "elbo/prob/posterior.h"

namespace elbo {

/// The flat VAE: one encoder, one posterior, one prior, one decoder, one likelihood. With the point
/// posterior it is a plain autoencoder.
std::shared_ptr<Model> make_vae(const ModelOptions& options, const Schema& schema, Rng& rng);

/// What a flat VAE is made of, for engines with code of their own.
struct VaeParts {
  int64_t latent = 0, elements = 0;  ///< of z and of x
  std::string posterior, prior;      ///< their names in their families
  const Likelihood* likelihood = nullptr;
  const Network* encoder = nullptr;
  const Network* decoder = nullptr;
  const Posterior* q = nullptr;      ///< turns what the encoder puts out into q(z|x)
  std::vector<int64_t> event_shape;  ///< of x
};
/// Nothing if the model is of another kind.
std::optional<VaeParts> vae_parts(const Model& model);

/// Sets the KL(q || p) of a group of latents where it has a closed form, and that of each dimension
/// where it separates or `marginals` asks for it.
void add_kl(const Distribution& q, const Distribution& p, bool marginals, Latent& latent);

}  // namespace elbo
