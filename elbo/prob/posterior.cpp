// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/posterior.h"

#include "elbo/prob/kernel_nodes.h"
#include "elbo/prob/kl.h"
#include "elbo/prob/normal.h"

namespace elbo {
namespace {

/// With z = mu + L eps: log q = sum_j (1 - eps_j^2) / 2 - H(q). Nothing is lost by taking mu from z
/// again.
Tensor log_density(const Tensor& noise, const Tensor& entropy) {
  Tensor squares = noise.square().sum(-1, /*keepdim=*/false, at::kDouble);
  return 0.5 * (static_cast<double>(noise.size(-1)) - squares) - entropy;
}

/// [B, Z] where q's KL separates, else [B, 1].
Tensor kl_from_normal(const Distribution& q, int64_t latent, at::TensorOptions options) {
  StandardNormal p(latent, options);
  if (!has_kl(q, p)) return {};
  return dynamic_cast<const DiagonalNormal*>(&q) ? kl_per_dimension(q, p) : kl(q, p).unsqueeze(-1);
}

}  // namespace

PosteriorDraws Posterior::draw(const Tensor& parameters, RowNoise& noise, int64_t k) const {
  Tensor eps = noise.normal(k, latent_, parameters.options());
  const PosteriorKernels* kernels = posterior_kernels(kernel(), isa());
  if (kernels && is_kernel_tensor(parameters)) {
    KernelDraws drawn = draw_by_kernel(*kernels, parameters, eps);
    PosteriorDraws out{drawn.z, {}, drawn.kl.size(1) > 0 ? drawn.kl : Tensor()};
    out.log_q = [this, kernels, drawn, eps, parameters] {
      return kernels->has_noise ? log_density(eps, drawn.entropy)
                                : given(parameters)->log_prob(drawn.z);
    };
    return out;
  }
  std::shared_ptr<Distribution> q = given(parameters);
  Tensor z = q->sample_from(eps);
  return {z, [q, z] { return q->log_prob(z); }, kl_from_normal(*q, latent_, parameters.options())};
}

namespace {

/// Keeps standard deviations within e^-10 .. e^5, where exp and its gradient are finite.
Tensor bounded_log_var(const Tensor& raw) { return raw.clamp(-20, 10); }

class DiagonalPosterior : public Posterior {
 public:
  using Posterior::Posterior;
  int64_t params() const override { return 2 * latent_; }
  std::string kernel() const override { return "diagonal"; }
  std::unique_ptr<Distribution> given(const Tensor& parameters) const override {
    auto parts = parameters.split(latent_, -1);
    return std::make_unique<DiagonalNormal>(parts[0], bounded_log_var(parts[1]));
  }
  Tensor parameters(const Tensor& mean, const Tensor& log_var) const override {
    return at::cat({mean, log_var}, -1);
  }
};

/// The encoder puts out mu [Z], 2 log L_jj [Z] and the Z (Z - 1) / 2 entries below
/// the diagonal row by row, so that one clamp serves both posteriors.
class FullPosterior : public Posterior {
 public:
  using Posterior::Posterior;
  int64_t params() const override { return 2 * latent_ + latent_ * (latent_ - 1) / 2; }
  std::string kernel() const override { return "full"; }
  std::unique_ptr<Distribution> given(const Tensor& parameters) const override {
    auto parts = parameters.split_with_sizes({latent_, latent_, latent_ * (latent_ - 1) / 2}, -1);
    Tensor diagonal = (0.5 * bounded_log_var(parts[1])).exp();
    if (!place_.defined()) {  // not before: a model that is a shape alone needs no indices
      Tensor entry = at::tril_indices(latent_, latent_, -1);
      place_ = entry[0] * latent_ + entry[1];
    }
    if (place_.device() != parameters.device()) place_ = place_.to(parameters.device());
    Tensor below = at::zeros({parameters.size(0), latent_ * latent_}, parameters.options())
                       .index_copy(1, place_, parts[2]);
    Tensor cholesky = below.view({-1, latent_, latent_}) + diagonal.diag_embed();
    return std::make_unique<FullNormal>(parts[0], cholesky);
  }
  Tensor parameters(const Tensor& mean, const Tensor& log_var) const override {
    std::vector<int64_t> shape = mean.sizes().vec();
    shape.back() = latent_ * (latent_ - 1) / 2;
    return at::cat({mean, log_var, at::zeros(shape, mean.options())}, -1);
  }

 private:
  /// Of the entries below the diagonal in a row-by-row matrix; where parameters last were.
  mutable Tensor place_;
};

class PointPosterior : public Posterior {
 public:
  using Posterior::Posterior;
  int64_t params() const override { return latent_; }
  std::string kernel() const override { return "point"; }
  std::unique_ptr<Distribution> given(const Tensor& parameters) const override {
    return std::make_unique<PointMass>(parameters);
  }
  Tensor parameters(const Tensor& mean, const Tensor& /*log_var*/) const override { return mean; }
};

template <class Member>
std::shared_ptr<Posterior> make(const NoOptions&, int64_t latent) {
  return std::make_shared<Member>(latent);
}

}  // namespace

const Family<std::shared_ptr<Posterior>, int64_t>& posteriors() {
  static const auto family = [] {
    Family<std::shared_ptr<Posterior>, int64_t> f("posterior", "the form of q(z|x)");
    f.row<NoOptions>("diagonal", "normal with independent dimensions", "Kingma & Welling 2014",
                     make<DiagonalPosterior>);
    f.row<NoOptions>("full",
                     "normal with a full covariance matrix, as mean vector and Cholesky factor",
                     "Kingma & Welling 2019, section 2.5.1", make<FullPosterior>);
    f.row<NoOptions>("point", "no noise and no KL: a plain autoencoder",
                     "Hinton & Salakhutdinov 2006", make<PointPosterior>);
    return f;
  }();
  return family;
}

}  // namespace elbo
