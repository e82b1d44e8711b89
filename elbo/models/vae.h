// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>

#include "elbo/models/model.h"
#include "elbo/nets/network.h"
#include "elbo/prob/likelihood.h"

namespace elbo {

/// The flat VAE: one encoder, one posterior, one prior, one decoder, one likelihood. With the point
/// posterior it is a plain autoencoder.
std::shared_ptr<Model> make_vae(const ModelOptions& options, const Schema& schema, Rng& rng);

/// What a flat VAE is made of, for engines with code of their own.
struct VaeParts {
  int64_t latent = 0, elements = 0;  ///< of z and of x
  std::string posterior, prior;  ///< their names in their families
  const Likelihood* likelihood = nullptr;
  const Network* encoder = nullptr;
  const Network* decoder = nullptr;
};
/// Nothing if the model is of another kind.
std::optional<VaeParts> vae_parts(const Model& model);

}  // namespace elbo
