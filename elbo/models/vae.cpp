// SPDX-License-Identifier: Apache-2.0
#include "elbo/models/vae.h"

#include "elbo/prob/kl.h"
#include "elbo/prob/normal.h"
#include "elbo/prob/prior.h"

namespace elbo {
namespace {

class Vae : public Model {
 public:
  Vae(const ModelOptions& o, const Schema& schema, Rng& rng)
      : latent_(o.latent),
        event_shape_(schema.shape),
        output_bias_(o.output_bias),
        posterior_name_(o.posterior.type),
        prior_name_(o.prior.type) {
    likelihood_ = register_module("likelihood", likelihoods().make(o.likelihood, schema));
    posterior_ = register_module("posterior", posteriors().make(o.posterior, latent_));
    std::vector<int64_t> shown = likelihood_->shown_shape(schema.shape);
    prior_ = register_module("prior", priors().make(o.prior, latent_));
    NetworkContext in{shown, {posterior_->params()}};
    encoder_ = register_module("encoder", networks().make(o.encoder, in, rng));
    bool mirrored = o.decoder.type == "mirror";
    NetworkContext out{{latent_}, {likelihood_->params()}, mirrored};
    out.out.insert(out.out.end(), schema.shape.begin(), schema.shape.end());
    decoder_ =
        register_module("decoder", networks().make(mirrored ? o.encoder : o.decoder, out, rng));
    is_variational_ = o.posterior.type != "point";
  }

  Pass pass(const Batch& batch, Rng& rng, const PassOptions& options) override {
    auto q = posterior(likelihood_->shown(batch.encoder_input()), rng);
    Latent latent;
    latent.name = "z";
    latent.z = q->sample(rng, options.samples);
    if (is_variational_ || options.densities) add_divergence(*q, batch.x, rng, options, latent);
    Pass out;
    out.log_px = observation(latent.z, rng)->log_prob(batch.x, batch.mask);
    out.latents.push_back(std::move(latent));
    return out;
  }

  std::vector<Encoding> encode(const Batch& batch, Rng& rng) override {
    return {{"z", posterior(likelihood_->shown(batch.encoder_input()), rng)}};
  }

  std::unique_ptr<Distribution> decode(const std::vector<Tensor>& z, Rng& rng) override {
    return observation(z.at(0), rng);
  }

  std::vector<Tensor> sample_prior(Rng& rng, int64_t n, double temperature) override {
    auto options = decoder_->parameters().front().options();
    auto p = prior_->given(encode_fn(rng), options);
    Tensor z = p->sample(rng, n);
    return {temperature == 1 ? z : at::lerp(p->mean(), z, temperature)};
  }

  VaeParts parts() const {
    return {latent_,           c10::multiply_integers(event_shape_),
            posterior_name_,   prior_name_,
            likelihood_.get(), encoder_.get(),
            decoder_.get(),    posterior_.get(),
            event_shape_};
  }
  std::vector<int64_t> latent_sizes() const override { return {latent_}; }
  bool is_variational() const override { return is_variational_; }
  void check_support(const Batch& batch) const override {
    likelihood_->check_support(batch.x, batch.mask);
  }

  void start_from(const Batch& batch, Rng& rng) override {
    prior_->start_from(likelihood_->shown(batch.x), rng);
    if (!output_bias_) return;
    Tensor weight = batch.mask.defined() ? batch.mask : at::ones_like(batch.x);
    Tensor count = weight.sum(0).clamp_min(1);
    Tensor mean = (batch.x * weight).sum(0) / count;
    Tensor variance = ((batch.x - mean).square() * weight).sum(0) / count;
    Tensor bias = likelihood_->output_bias(mean, variance);
    if (bias.defined()) decoder_->set_output_bias(bias);
  }

 private:
  std::unique_ptr<Distribution> posterior(const Tensor& x, Rng& rng) {
    return posterior_->given(encoder_->run(x, {}, rng));
  }
  /// The distribution keeps the generator by reference, for networks that need it later.
  std::unique_ptr<Distribution> observation(const Tensor& z, Rng& rng) {
    Decoder decoder;
    decoder.event_shape = event_shape_;
    decoder.is_autoregressive = decoder_->is_autoregressive();
    decoder.forward = [this, &rng](const Tensor& flat, const Tensor& previous) {
      return decoder_->run(flat, previous, rng);
    };
    return likelihood_->given(decoder, z);
  }
  EncodeFn encode_fn(Rng& rng) {
    return [this, &rng](const Tensor& x) { return posterior(x, rng); };
  }
  void add_divergence(const Distribution& q, const Tensor& x, Rng& rng, const PassOptions& options,
                      Latent& latent) {
    auto p = prior_->given(encode_fn(rng), x.options());
    add_kl(q, *p, options.marginals, latent);
    if (options.densities || !latent.kl.defined()) {
      latent.log_q = q.log_prob(latent.z);
      latent.log_p = p->log_prob(latent.z);
    }
  }

  int64_t latent_;
  std::vector<int64_t> event_shape_;
  bool output_bias_, is_variational_;
  std::string posterior_name_, prior_name_;
  std::shared_ptr<Likelihood> likelihood_;
  std::shared_ptr<Posterior> posterior_;
  std::shared_ptr<Prior> prior_;
  std::shared_ptr<Network> encoder_, decoder_;
};

}  // namespace

std::optional<VaeParts> vae_parts(const Model& model) {
  const auto* vae = dynamic_cast<const Vae*>(&model);
  return vae ? std::optional(vae->parts()) : std::nullopt;
}

void add_kl(const Distribution& q, const Distribution& p, bool marginals, Latent& latent) {
  if (!has_kl(q, p)) return;
  bool separable =
      dynamic_cast<const DiagonalNormal*>(&q) && dynamic_cast<const DiagonalNormal*>(&p);
  if (separable || marginals) latent.kl_per_dimension = kl_per_dimension(q, p);
  latent.kl = separable ? latent.kl_per_dimension.sum(-1) : kl(q, p);
}

std::shared_ptr<Model> make_vae(const ModelOptions& options, const Schema& schema, Rng& rng) {
  return std::make_shared<Vae>(options, schema, rng);
}

}  // namespace elbo
