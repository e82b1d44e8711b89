// SPDX-License-Identifier: Apache-2.0
#include "elbo/models/vae.h"

#include "elbo/nets/network.h"
#include "elbo/prob/kl.h"
#include "elbo/prob/likelihood.h"
#include "elbo/prob/normal.h"
#include "elbo/prob/posterior.h"
#include "elbo/prob/prior.h"

namespace elbo {
namespace {

class Vae : public Model {
 public:
  Vae(const ModelOptions& o, const Schema& schema, Rng& rng)
      : latent_(o.latent), event_shape_(schema.shape), output_bias_(o.output_bias) {
    likelihood_ = register_module("likelihood", likelihoods().make(o.likelihood, schema));
    posterior_ = register_module("posterior", posteriors().make(o.posterior, latent_));
    std::vector<int64_t> shown = likelihood_->shown_shape(schema.shape);
    prior_ = register_module("prior", priors().make(o.prior, {latent_, shown}));
    NetworkContext in{shown, {posterior_->params()}};
    encoder_ = register_module("encoder", networks().make(o.encoder, in, rng));
    bool mirrored = o.decoder.type == "mirror";
    NetworkContext out{{latent_}, {likelihood_->params()}, mirrored};
    out.out.insert(out.out.end(), schema.shape.begin(), schema.shape.end());
    decoder_ =
        register_module("decoder", networks().make(mirrored ? o.encoder : o.decoder, out, rng));
    is_variational_ = o.posterior.type != "point";
    if (o.linear) add_linear_paths(in, out, rng);
    ELBO_CHECK(is_variational_ || !prior_->needs_density(), Code::usage,
               "model.prior: {} is made of posteriors, and point posteriors have no density\nUse "
               "model.prior = \"normal\", or another posterior.",
               o.prior.type);
  }

  Pass pass(const Batch& batch, Rng& rng, const PassOptions& options) override {
    RowNoise noise(rng.split(), batch.index, batch.size());
    Tensor parameters = encoded(likelihood_->shown(batch.encoder_input()), noise);
    PosteriorDraws draws = posterior_->draw(parameters, noise, options.samples);
    Latent latent;
    latent.name = "z";
    latent.z = draws.z;
    if (is_variational_ || options.densities) {
      add_divergence(parameters, draws, noise, options, latent);
    }
    Pass out;
    RowNoise of_draws = noise.draws(options.samples);
    out.log_px = likelihood_->log_prob(decoder(of_draws), latent.z, batch.x, batch.mask);
    out.latents.push_back(std::move(latent));
    return out;
  }

  std::vector<Encoding> encode(const Batch& batch, Rng& rng) override {
    RowNoise noise(rng.split(), batch.index, batch.size());
    return {{"z", posterior(likelihood_->shown(batch.encoder_input()), noise)}};
  }

  std::unique_ptr<Distribution> decode(const std::vector<Tensor>& z, Rng& rng) override {
    int64_t rows = z.at(0).numel() / latent_;
    return likelihood_->given(decoder(RowNoise(rng.split(), {}, rows)), z.at(0));
  }

  std::vector<Tensor> sample_prior(Rng& rng, int64_t n, double temperature) override {
    auto options = decoder_->parameters().front().options();
    auto p = prior_->given(encode_fn(rng), options);
    Tensor z = p->sample(rng, n);
    return {temperature == 1 ? z : at::lerp(p->mean(), z, temperature)};
  }

  std::vector<int64_t> latent_sizes() const override { return {latent_}; }
  bool is_variational() const override { return is_variational_; }
  bool has_density() const override { return likelihood_->is_density(); }
  void check_support(const Batch& batch) const override {
    likelihood_->check_support(batch.x, batch.mask);
  }

  bool start_from(const Batch& batch, Rng& rng) override {
    prior_->start_from(likelihood_->shown(batch.x), rng);
    if (linear_encoder_) return start_linear(batch, rng), true;
    if (!output_bias_) return false;
    Tensor weight = batch.mask.defined() ? batch.mask : at::ones_like(batch.x);
    Tensor count = weight.sum(0).clamp_min(1);
    Tensor mean = (batch.x * weight).sum(0) / count;
    Tensor variance = ((batch.x - mean).square() * weight).sum(0) / count;
    Tensor bias = likelihood_->output_bias(mean, variance);
    if (bias.defined()) decoder_->set_output_bias(bias);
    return false;
  }

 private:
  Tensor encoded(const Tensor& x, RowNoise& noise) {
    Tensor out = encoder_->run(x, {}, noise);
    return linear_encoder_ ? out + linear_encoder_->run(x, {}, noise) : out;
  }
  std::unique_ptr<Distribution> posterior(const Tensor& x, RowNoise& noise) {
    return posterior_->given(encoded(x, noise));
  }
  /// noise: of the rows that will be decoded.
  Decoder decoder(RowNoise noise) {
    Decoder out;
    out.event_shape = event_shape_;
    out.is_autoregressive = decoder_->is_autoregressive();
    out.forward = [this, noise](const Tensor& z, const Tensor& previous) mutable {
      Tensor put_out = decoder_->run(z, previous, noise);
      return linear_decoder_ ? put_out + linear_decoder_->run(z, {}, noise) : put_out;
    };
    return out;
  }
  void add_linear_paths(const NetworkContext& in, const NetworkContext& out, Rng& rng) {
    ELBO_CHECK(likelihood_->as_factor_analysis() && !decoder_->is_autoregressive(), Code::usage,
               "model.linear: the linear start is factor analysis, which has normal noise\nUse "
               "model.likelihood = \"gaussian\", or model.linear = false.");
    auto map = [&](const char* name, NetworkContext context) {
      Part linear("mlp");
      linear.options["sizes"] = Value::List{};
      return register_module(name, networks().make(linear, context, rng));
    };
    linear_encoder_ = map("linear_encoder", in);
    linear_decoder_ = map("linear_decoder", out);
  }

  /// Sets the linear paths to the factor analysis of these examples, the rest to zero. Then q(z|x)
  /// is the exact posterior where nothing is missing, and the ELBO the linear model's log p(x).
  void start_linear(const Batch& batch, Rng& rng) {
    FactorOptions options = *likelihood_->as_factor_analysis();
    options.latent = latent_;
    options.floor = kGaussianScaleFloor * kGaussianScaleFloor;
    Tensor mask = batch.mask.defined() ? batch.mask.flatten(1).cpu() : batch.mask;
    FactorAnalysis f =
        fit_factor_analysis(batch.x.flatten(1).cpu(), mask, options, rng.stream("factors"));
    Tensor to_z = f.encoder(), log_var = f.posterior_variance().log();
    set_linear(*linear_encoder_, posterior_->parameters(to_z.t(), at::zeros_like(to_z.t())).t(),
               posterior_->parameters(-to_z.mv(f.mean), log_var));
    auto event = [&](const Tensor& t) { return t.view(event_shape_); };
    Tensor weight = at::zeros_like(linear_decoder_->output_weight(), at::kDouble);
    weight.narrow(0, 0, f.loadings.size(0)).copy_(f.loadings);
    set_linear(*linear_decoder_, weight, likelihood_->output_bias(event(f.mean), event(f.noise)));
    likelihood_->set_noise(event(f.noise));
    for (Network* network : {encoder_.get(), decoder_.get()}) {
      network->output_weight().zero_();
      network->set_output_bias(at::zeros(network->out_shape()));
    }
  }
  static void set_linear(Network& network, const Tensor& weight, const Tensor& bias) {
    network.output_weight().copy_(weight);
    network.set_output_bias(bias);
  }
  EncodeFn encode_fn(Rng rng) {
    return [this, rng](const Tensor& x) mutable {
      RowNoise noise(rng.split(), {}, x.size(0));
      return posterior(x, noise);
    };
  }
  void add_divergence(const Tensor& parameters, const PosteriorDraws& draws, RowNoise& noise,
                      const PassOptions& options, Latent& latent) {
    bool is_known = prior_->is_standard_normal() && draws.kl_normal.defined();
    bool separates = is_known && draws.kl_normal.size(-1) == latent_;
    if (is_known && (separates || !options.marginals)) {
      (separates ? latent.kl_per_dimension : latent.kl) =
          separates ? draws.kl_normal : draws.kl_normal.squeeze(-1);
      if (!options.densities) return;
    }
    auto p = prior_->given(encode_fn(noise.split()), latent.z.options());
    if (!latent.has_closed_kl()) {
      add_kl(*posterior_->given(parameters), *p, options.marginals, latent);
    }
    if (!options.densities && latent.has_closed_kl()) return;
    latent.log_q = draws.log_q();
    latent.log_p = p->log_prob(latent.z);
  }

  int64_t latent_;
  std::vector<int64_t> event_shape_;
  bool output_bias_, is_variational_;
  std::shared_ptr<Likelihood> likelihood_;
  std::shared_ptr<Posterior> posterior_;
  std::shared_ptr<Prior> prior_;
  std::shared_ptr<Network> encoder_, decoder_;
  std::shared_ptr<Network> linear_encoder_, linear_decoder_;  // null without linear paths
};

}  // namespace

void add_kl(const Distribution& q, const Distribution& p, bool marginals, Latent& latent) {
  if (!has_kl(q, p)) return;
  bool separable =
      dynamic_cast<const DiagonalNormal*>(&q) && dynamic_cast<const DiagonalNormal*>(&p);
  if (separable || marginals) latent.kl_per_dimension = kl_per_dimension(q, p);
  if (!separable) latent.kl = kl(q, p);
}

std::shared_ptr<Model> make_vae(const ModelOptions& options, const Schema& schema, Rng& rng) {
  return std::make_shared<Vae>(options, schema, rng);
}

}  // namespace elbo
