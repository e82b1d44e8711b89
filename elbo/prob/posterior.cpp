// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/posterior.h"

#include "elbo/prob/normal.h"

namespace elbo {
namespace {

/// Keeps standard deviations within e^-10 .. e^5, where exp and its gradient are finite.
Tensor bounded_log_var(const Tensor& raw) { return raw.clamp(-20, 10); }

class DiagonalPosterior : public Posterior {
 public:
  explicit DiagonalPosterior(int64_t latent) : latent_(latent) {}
  int64_t params() const override { return 2 * latent_; }
  std::unique_ptr<Distribution> given(const Tensor& parameters) const override {
    auto parts = parameters.split(latent_, -1);
    return std::make_unique<DiagonalNormal>(parts[0], bounded_log_var(parts[1]));
  }

 private:
  int64_t latent_;
};

/// The encoder puts out mu [Z], 2 log L_jj [Z] and the Z (Z - 1) / 2 entries below
/// the diagonal row by row, so that one clamp serves both posteriors.
class FullPosterior : public Posterior {
 public:
  explicit FullPosterior(int64_t latent) : latent_(latent) {
    Tensor below = at::tril_indices(latent, latent, -1);
    place_ = below[0] * latent + below[1];
  }
  int64_t params() const override { return 2 * latent_ + latent_ * (latent_ - 1) / 2; }
  std::unique_ptr<Distribution> given(const Tensor& parameters) const override {
    auto parts = parameters.split_with_sizes({latent_, latent_, place_.size(0)}, -1);
    Tensor diagonal = (0.5 * bounded_log_var(parts[1])).exp();
    if (place_.device() != parameters.device()) place_ = place_.to(parameters.device());
    Tensor below = at::zeros({parameters.size(0), latent_ * latent_}, parameters.options())
                       .index_copy(1, place_, parts[2]);
    Tensor cholesky = below.view({-1, latent_, latent_}) + diagonal.diag_embed();
    return std::make_unique<FullNormal>(parts[0], cholesky);
  }

 private:
  int64_t latent_;
  /// Of the entries below the diagonal in a row-by-row matrix; where parameters last were, since
  /// copying it there would stop a graph's recording.
  mutable Tensor place_;
};

class PointPosterior : public Posterior {
 public:
  explicit PointPosterior(int64_t latent) : latent_(latent) {}
  int64_t params() const override { return latent_; }
  std::unique_ptr<Distribution> given(const Tensor& parameters) const override {
    return std::make_unique<PointMass>(parameters);
  }

 private:
  int64_t latent_;
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
