// SPDX-License-Identifier: Apache-2.0
#include "elbo/prob/factor_analysis.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "elbo/core/error.h"
#include "elbo/tensor/random.h"

namespace elbo {
namespace {

const double kLog2Pi = std::log(2 * std::numbers::pi);
constexpr int64_t kExactSize = 512;  // up to it all eigenvectors are found
constexpr int64_t kSpare = 10;       // dimensions of a subspace beyond those wanted
constexpr int kSubspaceRounds = 12;
constexpr int kNoiseRounds = 300, kEmRounds = 60;
constexpr double kTolerance = 1e-7;  // of the noise's relative change

Tensor in_f64(const Tensor& t) { return t.to(at::kDouble); }

struct Eigen {
  Tensor values, vectors;  // [k] falling, [D, k]
};

/// The k greatest of a symmetric matrix [D, D].
Eigen greatest(const Tensor& matrix, int64_t k) {
  auto [values, vectors] = at::linalg_eigh(matrix);
  int64_t d = values.size(0);
  return {values.narrow(0, d - k, k).flip(0), vectors.narrow(1, d - k, k).flip(1)};
}

/// What the covariance X'X / N of centred rows X does, without ever being a matrix where that would
/// be large.
class Covariance {
 public:
  explicit Covariance(const Tensor& centred) : x_(centred) {
    diagonal_ = x_.square().mean(0);
    if (x_.size(1) <= std::max(kExactSize, x_.size(0))) {
      matrix_ = x_.t().mm(x_) / static_cast<double>(x_.size(0));
    }
  }
  const Tensor& diagonal() const { return diagonal_; }
  int64_t size() const { return x_.size(1); }
  int64_t rank() const { return std::min(x_.size(0), x_.size(1)); }

  /// The k greatest eigenvalues of diag(s) C diag(s), s [D]. `start` [D, k + ..]: vectors near
  /// them.
  Eigen scaled(const Tensor& s, int64_t k, Tensor& start, int rounds) const {
    if (matrix_.defined() && size() <= kExactSize) {
      return greatest(matrix_ * s.unsqueeze(0) * s.unsqueeze(1), k);
    }
    Tensor q = start;
    for (int i = 0; i < rounds; ++i) q = std::get<0>(at::linalg_qr(times(s, q)));
    start = q;
    Eigen inner = greatest(q.t().mm(times(s, q)), k);
    return {inner.values, q.mm(inner.vectors)};
  }

 private:
  Tensor times(const Tensor& s, const Tensor& q) const {
    Tensor scaled = q * s.unsqueeze(1);
    Tensor product = matrix_.defined() ? matrix_.mm(scaled)
                                       : x_.t().mm(x_.mm(scaled)) / static_cast<double>(x_.size(0));
    return product * s.unsqueeze(1);
  }

  Tensor x_, diagonal_, matrix_;
};

/// Rotates W so that W' diag(noise)^-1 W is diagonal, greatest first.
void rotate(FactorAnalysis& f) {
  if (f.loadings.size(1) == 0) return;
  Tensor precision = f.loadings.t().mm(f.loadings / f.noise.unsqueeze(1));
  f.loadings = f.loadings.mm(greatest(precision, precision.size(0)).vectors);
}

class Fit {
 public:
  Fit(const Tensor& x, const Tensor& mask, const FactorOptions& o, Rng rng)
      : x_(in_f64(x)), options_(o), rng_(rng) {
    ELBO_CHECK(x.size(0) > 0, Code::data, "no rows to fit a linear model to");
    if (!mask.defined()) return;
    Tensor seen = in_f64(mask);
    if ((seen == 0).any().item<bool>()) mask_ = seen;
  }

  FactorAnalysis run() {
    Tensor mean = x_.mean(0), centred = x_ - mean;
    Tensor spread = centred.square().mean(0);
    if (mask_.defined()) {
      Tensor count = mask_.sum(0).clamp_min(1);
      mean = (x_ * mask_).sum(0) / count;
      centred = (x_ - mean) * mask_;
      spread = centred.square().sum(0) / count;
    }
    Covariance covariance(centred);
    int64_t k = std::min(options_.latent, covariance.rank());
    FactorAnalysis f{mean, at::zeros({covariance.size(), options_.latent}, at::kDouble), {}};
    if (k == 0) {
      f.noise = noise_of(spread);
    } else {
      options_.form == NoiseForm::per_element ? by_noise(covariance, k, f)
                                              : by_components(covariance, k, f);
    }
    if (mask_.defined() && k > 0) by_em(f);
    rotate(f);
    return f;
  }

 private:
  /// The variances of noise where these are left: [D].
  Tensor noise_of(const Tensor& left) const {
    switch (options_.form) {
      case NoiseForm::fixed:
        return at::full_like(left, options_.noise);
      case NoiseForm::shared:
        return at::full_like(left, std::max(options_.floor, left.mean().item<double>()));
      case NoiseForm::per_element:
        return left.clamp_min(options_.floor);
    }
    return {};
  }

  Tensor first_subspace(int64_t size, int64_t k) const {
    int64_t width = std::min(size, k + kSpare);
    Rng rng = rng_.stream("subspace");
    return normal(rng, {size, width}, at::kDouble);
  }

  /// Tipping & Bishop 1999, eq. (7) and (8): W = U (L - s I)^1/2 with noise s, the mean of the
  /// eigenvalues left out.
  void by_components(const Covariance& c, int64_t k, FactorAnalysis& f) const {
    Tensor ones = at::ones({c.size()}, at::kDouble), start = first_subspace(c.size(), k);
    Eigen e = c.scaled(ones, k, start, kSubspaceRounds);
    double left = (c.diagonal().sum() - e.values.sum()).item<double>();
    double s = options_.form == NoiseForm::fixed ? options_.noise
               : c.size() > k ? std::max(options_.floor, left / static_cast<double>(c.size() - k))
                              : options_.floor;
    f.loadings.narrow(1, 0, k).copy_(e.vectors * (e.values - s).clamp_min(0).sqrt());
    f.noise = at::full({c.size()}, s, at::kDouble);
  }

  /// For given noise the best W is that of PCA in units of the noise, and for given W the best
  /// noise is the variance that is left: in turn until nothing moves (Lawley & Maxwell 1962).
  void by_noise(const Covariance& c, int64_t k, FactorAnalysis& f) const {
    Tensor least = (kLeastShare * c.diagonal()).clamp_min(options_.floor);
    Tensor start = first_subspace(c.size(), k);
    Tensor noise = at::maximum(0.5 * c.diagonal(), least), loadings;
    for (int i = 0; i < kNoiseRounds; ++i) {
      Tensor s = noise.sqrt();
      Eigen e = c.scaled(1 / s, k, start, i == 0 ? kSubspaceRounds : 2);
      loadings = e.vectors * (e.values - 1).clamp_min(0).sqrt() * s.unsqueeze(1);
      Tensor next = at::maximum(c.diagonal() - loadings.square().sum(1), least);
      bool is_still = ((next - noise).abs() <= kTolerance * noise).all().item<bool>();
      noise = next;
      if (is_still) break;
    }
    f.loadings.narrow(1, 0, k).copy_(loadings);
    f.noise = noise;
  }

  /// Rows with missing elements: E over z given what each row shows, M for (W, mean) of each
  /// element by the rows that show it.
  void by_em(FactorAnalysis& f) const {
    const int64_t z = options_.latent, d = x_.size(1);
    Tensor seen_x = x_ * mask_, count = mask_.sum(0).clamp_min(1);
    Tensor squares = (seen_x * x_).sum(0), identity = at::eye(z + 1, at::kDouble);
    for (int i = 0; i < kEmRounds; ++i) {
      Tensor covariance = posterior_covariance(f);  // [B, Z, Z]
      Tensor m =
          at::cat({posterior_mean(f, covariance), at::ones({x_.size(0), 1}, at::kDouble)}, 1);
      Tensor second = m.unsqueeze(2) * m.unsqueeze(1);  // [B, Z + 1, Z + 1]
      second.narrow(1, 0, z).narrow(2, 0, z).add_(covariance);
      Tensor left = mask_.t().mm(second.flatten(1)).view({d, z + 1, z + 1}) + 1e-9 * identity;
      Tensor right = seen_x.t().mm(m);  // [D, Z + 1]
      Tensor solved = at::linalg_solve(left, right.unsqueeze(2)).squeeze(2);
      f.loadings = solved.narrow(1, 0, z).contiguous();
      f.mean = solved.select(1, z).contiguous();
      Tensor rest = (squares - (solved * right).sum(1)).clamp_min(0);
      if (options_.form == NoiseForm::per_element) {
        Tensor total = squares / count - (seen_x.sum(0) / count).square();
        f.noise = at::maximum(rest / count, (kLeastShare * total).clamp_min(options_.floor));
      } else if (options_.form == NoiseForm::shared) {
        f.noise = at::full_like(
            rest, std::max(options_.floor, (rest.sum() / count.sum()).item<double>()));
      }
    }
  }

  Tensor posterior_covariance(const FactorAnalysis& f) const {
    const int64_t z = options_.latent;
    Tensor outer = (f.loadings.unsqueeze(2) * f.loadings.unsqueeze(1)).flatten(1);  // [D, Z Z]
    Tensor precision = (mask_ / f.noise).mm(outer).view({-1, z, z}) + at::eye(z, at::kDouble);
    return at::cholesky_inverse(at::linalg_cholesky(precision));
  }
  Tensor posterior_mean(const FactorAnalysis& f, const Tensor& covariance) const {
    Tensor pull = ((x_ - f.mean) * mask_ / f.noise).mm(f.loadings);
    return covariance.bmm(pull.unsqueeze(2)).squeeze(2);
  }

  /// Of an element's variance that noise keeps: without it one element would take a factor for
  /// itself and its density grow without bound (Heywood's case).
  static constexpr double kLeastShare = 1e-3;

  Tensor x_, mask_;
  FactorOptions options_;
  Rng rng_;
};

/// What the observed elements say of z: pull = W' diag(noise)^-1 (x - mean) [B, Z], and the
/// Cholesky factor of I + W' diag(noise)^-1 W, [1, Z, Z] or [B, Z, Z] with a mask; both undefined
/// for Z = 0.
struct Evidence {
  Tensor residual, weight, pull, cholesky;
};

Evidence evidence(const FactorAnalysis& f, const Tensor& x, const Tensor& mask) {
  Evidence out;
  const int64_t z = f.loadings.size(1);
  out.residual = in_f64(x) - f.mean;
  out.weight = mask.defined() ? in_f64(mask) / f.noise : (1 / f.noise).unsqueeze(0);
  if (z == 0) return out;
  out.pull = (out.residual * out.weight).mm(f.loadings);
  Tensor outer = (f.loadings.unsqueeze(2) * f.loadings.unsqueeze(1)).flatten(1);
  Tensor precision = out.weight.mm(outer).view({-1, z, z}) + at::eye(z, at::kDouble);
  out.cholesky = at::linalg_cholesky(precision);
  return out;
}

/// (L L')^-1 pull for each row.
Tensor solved(const Evidence& e) {
  return at::cholesky_solve(e.pull.unsqueeze(2), e.cholesky).squeeze(2);
}

}  // namespace

Tensor FactorAnalysis::log_prob(const Tensor& x, const Tensor& mask) const {
  Evidence e = evidence(*this, x, mask);
  Tensor quadratic = (e.residual.square() * e.weight).sum(1);
  Tensor log_det =
      mask.defined() ? in_f64(mask).mm(noise.log().unsqueeze(1)).squeeze(1) : noise.log().sum();
  Tensor count = mask.defined() ? in_f64(mask).sum(1)
                                : at::full({}, static_cast<double>(mean.size(0)), at::kDouble);
  if (loadings.size(1) > 0) {
    quadratic = quadratic - (e.pull * solved(e)).sum(1);
    log_det = log_det + 2 * e.cholesky.diagonal(0, -2, -1).log().sum(-1);
  }
  return -0.5 * (quadratic + log_det + kLog2Pi * count);
}

Tensor FactorAnalysis::posterior_mean(const Tensor& x, const Tensor& mask) const {
  if (loadings.size(1) == 0) return at::zeros({x.size(0), 0}, at::kDouble);
  return solved(evidence(*this, x, mask));
}

Tensor FactorAnalysis::posterior_variance() const {
  return 1 / (1 + (loadings.square() / noise.unsqueeze(1)).sum(0));
}

Tensor FactorAnalysis::encoder() const {
  return posterior_variance().unsqueeze(1) * (loadings / noise.unsqueeze(1)).t();
}

FactorAnalysis fit_factor_analysis(const Tensor& x, const Tensor& mask,
                                   const FactorOptions& options, Rng rng) {
  at::NoGradGuard no_grad;
  return Fit(x, mask, options, rng).run();
}

Tensor FullGaussian::log_prob(const Tensor& x) const {
  Tensor white = at::linalg_solve_triangular(cholesky, (in_f64(x) - mean).t(), /*upper=*/false);
  return -0.5 * (white.square().sum(0) + kLog2Pi * static_cast<double>(mean.size(0))) -
         cholesky.diagonal().log().sum();
}

FullGaussian fit_full_gaussian(const Tensor& given, double floor) {
  at::NoGradGuard no_grad;
  Tensor x = in_f64(given), mean = x.mean(0), centred = x - mean;
  Tensor covariance = centred.t().mm(centred) / static_cast<double>(x.size(0));
  return {mean, at::linalg_cholesky(covariance + floor * at::eye(x.size(1), at::kDouble))};
}

}  // namespace elbo
