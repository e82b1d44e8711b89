// SPDX-License-Identifier: Apache-2.0
#include "elbo/models/model.h"

#include "elbo/models/vae.h"
#include "elbo/nets/network.h"
#include "elbo/prob/likelihood.h"
#include "elbo/prob/posterior.h"
#include "elbo/prob/prior.h"

namespace elbo {
namespace {

/// The networks a decoder can be, with `mirror` for its encoder turned round.
const FamilyInfo& decoders() {
  static const auto family = [] {
    Family<int> f("decoder", "decoder networks");
    f.row<NoOptions>("mirror", "the encoder's network turned round", "",
                     [](const NoOptions&) { return 0; });
    f.add_members(networks());
    return f;
  }();
  return family;
}

}  // namespace

void ModelOptions::fields(Fields& f) {
  f("kind", kind, "the kind of model", model_kinds());
  f("latent", latent, "latent dimensions", between(1, 65536));
  f("encoder", encoder, "network from x to the posterior's parameters", networks());
  f("decoder", decoder, "network from z to the likelihood's parameters", decoders());
  f("posterior", posterior, "form of q(z|x)", posteriors());
  f("prior", prior, "form of p(z)", priors());
  f("likelihood", likelihood, "form of p(x|z)", likelihoods());
  f("output_bias", output_bias, "start the decoder at the training data's means");
  f("linear", linear,
    "linear maps beside encoder and decoder, which start as factor analysis (PCA where one scale "
    "serves all elements) while the networks start at zero; needs a gaussian likelihood");
}

const Family<std::shared_ptr<Model>, const ModelOptions&, const Schema&, Rng&>& model_kinds() {
  static const auto family = [] {
    Family<std::shared_ptr<Model>, const ModelOptions&, const Schema&, Rng&> f(
        "model", "kinds of latent-variable model");
    f.row<NoOptions>("vae", "one group of latents between one encoder and one decoder",
                     "Kingma & Welling 2014; Rezende et al. 2014",
                     [](const NoOptions&, const ModelOptions& o, const Schema& schema, Rng& rng) {
                       return make_vae(o, schema, rng);
                     });
    return f;
  }();
  return family;
}

std::shared_ptr<Model> make_model(const ModelOptions& options, const Schema& schema, Rng& rng) {
  return model_kinds().make(options.kind, options, schema, rng);
}

Tensor kl_of(const Latent& latent) {
  if (latent.kl.defined()) return latent.kl;
  if (latent.kl_per_dimension.defined()) return latent.kl_per_dimension.sum(-1);
  return (latent.log_q - latent.log_p).mean(0);
}

int64_t parameter_count(const torch::nn::Module& module) {
  int64_t out = 0;
  for (const Tensor& p : module.parameters()) out += p.numel();
  return out;
}

Tensor posterior_mean(const std::vector<Encoding>& encodings) {
  std::vector<Tensor> means;
  for (const Encoding& e : encodings) means.push_back(e.q->mean());
  return at::cat(means, -1);
}

std::vector<Tensor> split_latents(const Tensor& z, const std::vector<int64_t>& sizes) {
  return z.split_with_sizes(sizes, -1);
}

}  // namespace elbo
