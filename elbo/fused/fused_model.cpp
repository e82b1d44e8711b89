// SPDX-License-Identifier: Apache-2.0
#include "elbo/fused/fused_model.h"

#include <ATen/Parallel.h>

#include <cmath>
#include <numbers>

#include "elbo/fused/forward.h"
#include "elbo/fused/plan.h"
#include "elbo/prob/normal.h"
#include "elbo/tensor/random.h"

namespace elbo::fused {
namespace {

const double kLog2Pi = std::log(2 * std::numbers::pi);

const float* data_or_null(const Tensor& t) { return t.defined() ? t.data_ptr<float>() : nullptr; }

/// The draws of one pass as plain memory: row r is draw r / B of example r % B.
struct Draws {
  int64_t examples, latent, elements;  // B, Z, D
  const float *parameters, *noise;     // [B, P], [K, B, Z] or null
  const float *x, *mask;               // [B, D], or null
  const double* entropy;               // [B] of q, or null where densities are not wanted
  float* z;                            // [K, B, Z]
  double *log_px, *log_q, *log_p;      // [K, B]
};

class FusedModel : public Model {
 public:
  FusedModel(Model& model, const VaeParts& parts)
      : model_(model),
        parts_(parts),
        team_(at::get_num_threads()),
        encoder_(*parts.encoder, parts.elements, true, team_),
        decoder_(*parts.decoder, parts.latent, false, team_),
        posterior_(*posterior_kernels(parts.posterior, isa())),
        likelihood_(*likelihood_kernels(parts.likelihood->kernel(), isa())) {
    Tensor own = parts.likelihood->own_parameter();
    for (int i = 0; i < team_.size(); ++i) kl_.emplace_back(posterior_.groups(parts.latent));
    if (own.defined()) own_ = own.item<float>();
    eval();
  }

  Pass pass(const Batch& batch, Rng& rng, const PassOptions& options) override {
    if (options.densities && !posterior_.has_noise) return model_.pass(batch, rng, options);
    Tensor parameters = encoded(batch), noise;
    auto q = parts_.q->given(parameters);
    const int64_t k = options.samples, b = batch.size();
    if (posterior_.has_noise) noise = normal(rng, {k, b, parts_.latent});
    Latent latent;
    latent.name = "z";
    latent.z = at::empty({k, b, parts_.latent});
    if (is_variational()) add_kl(*q, StandardNormal(parts_.latent), options.marginals, latent);
    Tensor entropy;
    if (options.densities) {
      entropy = parts_.q->given(parameters.to(at::kDouble))->entropy();
      latent.log_q = at::empty({k, b}, at::kDouble);
      latent.log_p = at::empty({k, b}, at::kDouble);
    }
    Pass out;
    out.log_px = at::empty({k, b}, at::kDouble);
    run(batch, parameters, noise, entropy, latent, out.log_px);
    out.latents.push_back(std::move(latent));
    return out;
  }

  std::vector<Encoding> encode(const Batch& batch, Rng&) override {
    return {{"z", parts_.q->given(encoded(batch))}};
  }

  std::unique_ptr<Distribution> decode(const std::vector<Tensor>& z, Rng&) override {
    Decoder decoder;
    decoder.event_shape = parts_.event_shape;
    decoder.forward = [this](const Tensor& flat, const Tensor&) {
      std::vector<int64_t> shape = {flat.size(0), parts_.likelihood->params()};
      shape.insert(shape.end(), parts_.event_shape.begin(), parts_.event_shape.end());
      return decoder_(flat).view(shape);
    };
    return parts_.likelihood->given(decoder, z.at(0));
  }

  std::vector<Tensor> sample_prior(Rng& rng, int64_t n, double temperature) override {
    return model_.sample_prior(rng, n, temperature);
  }
  std::vector<int64_t> latent_sizes() const override { return model_.latent_sizes(); }
  bool is_variational() const override { return model_.is_variational(); }
  void check_support(const Batch& batch) const override { model_.check_support(batch); }
  void start_from(const Batch& batch, Rng& rng) override { model_.start_from(batch, rng); }

 private:
  /// What the encoder puts out for the batch, [B, P].
  const Tensor& encoded(const Batch& batch) {
    const Tensor& x = batch.encoder_input();
    if (!seen_.defined() || !seen_.is_same(x) || version_ != x._version()) {
      encoded_ = encoder_(x);
      seen_ = x;
      version_ = x._version();
    }
    return encoded_;
  }

  void run(const Batch& batch, const Tensor& parameters, const Tensor& noise, const Tensor& entropy,
           const Latent& latent, const Tensor& log_px) {
    Tensor x = rows_of(batch.x, batch.size(), parts_.elements), mask;
    if (batch.mask.defined()) mask = rows_of(batch.mask, batch.size(), parts_.elements);
    bool has_densities = entropy.defined();
    Draws d{batch.size(),
            parts_.latent,
            parts_.elements,
            parameters.data_ptr<float>(),
            data_or_null(noise),
            x.data_ptr<float>(),
            data_or_null(mask),
            has_densities ? entropy.data_ptr<double>() : nullptr,
            latent.z.data_ptr<float>(),
            log_px.data_ptr<double>(),
            has_densities ? latent.log_q.data_ptr<double>() : nullptr,
            has_densities ? latent.log_p.data_ptr<double>() : nullptr};
    decoder_.run(
        d.z, log_px.numel(),
        [&](int member, int64_t first, int64_t n) {
          draw(d, kl_[size_t(member)].data(), first, n);
        },
        [&](int64_t first, int64_t n, const float* y) { observe(d, first, n, y); });
  }

  /// z and its densities. With z = mu + L eps, log q = sum_j (1 - eps_j^2) / 2 - H(q): nothing is
  /// lost by taking mu from z again.
  void draw(const Draws& d, float* kl, int64_t first, int64_t n) const {
    const auto latent = static_cast<double>(d.latent);
    for (int64_t r = first; r < first + n; ++r) {
      const float* noise = d.noise ? d.noise + r * d.latent : nullptr;
      float* z = d.z + r * d.latent;
      posterior_.forward(d.parameters + r % d.examples * encoder_.out_width(), noise, d.latent, z,
                         kl);
      if (!d.entropy) continue;
      d.log_q[r] = 0.5 * (latent - squares_(noise, 0, 1, d.latent)) - d.entropy[r % d.examples];
      d.log_p[r] = -0.5 * (squares_(z, 0, 1, d.latent) + latent * kLog2Pi);
    }
  }

  void observe(const Draws& d, int64_t first, int64_t n, const float* y) const {
    for (int64_t i = 0; i < n; ++i) {
      int64_t at = (first + i) % d.examples * d.elements;
      LikelihoodRow row;
      row.parameters = y + i * decoder_.out_width();
      row.x = d.x + at;
      row.mask = d.mask ? d.mask + at : nullptr;
      row.elements = d.elements;
      row.own = own_;
      d.log_px[first + i] = likelihood_.row(row, nullptr, nullptr);
    }
  }

  Model& model_;
  VaeParts parts_;
  Team team_;
  Forward encoder_, decoder_;
  const PosteriorKernels& posterior_;
  const LikelihoodKernels& likelihood_;
  double (*squares_)(const float*, int64_t, int64_t,
                     int64_t) = activation_kernels(isa()).square_sum;
  std::vector<Buffer> kl_;  // of one example, for each member
  float own_ = 0;           // the likelihood's own parameter
  Tensor seen_, encoded_;   // the last batch, and what the encoder put out for it
  uint32_t version_ = 0;    // of seen_
};

}  // namespace

std::unique_ptr<Model> try_fused_model(Model& model) {
  std::optional<VaeParts> parts = vae_parts(model);
  if (!parts || model.is_training() || !why_not_planned(*parts).empty()) return nullptr;
  return std::make_unique<FusedModel>(model, *parts);
}

}  // namespace elbo::fused
