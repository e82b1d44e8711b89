// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set. z = mu + sigma eps, KL_j = (mu^2 + sigma^2 - 1)/2 - ln
// sigma (Kingma & Welling 2014, appendix B), H = sum_j (1 + ln 2 pi) / 2 + ln sigma_j.
#include "elbo/kernels/math.h"
#include "elbo/kernels/posterior.h"
#include "elbo/kernels/posterior_bounds.h"

namespace elbo::ELBO_ISA {
namespace {

int64_t parameters(int64_t latent) { return 2 * latent; }
int64_t groups(int64_t latent) { return latent; }

double forward(const float* parameters, const float* noise, int64_t latent, float* z, float* kl) {
  Vec log_vars = {};
  for_each_vec(latent, [&](int64_t i, int64_t count) {
    Vec mu = load_n(parameters + i, count);
    Vec log_var = bounded_log_var(load_n(parameters + latent + i, count));
    Vec sigma = exp(log_var * 0.5f);
    store_n(z + i, mu + sigma * load_n(noise + i, count), count);
    store_n(kl + i, (mu * mu + sigma * sigma - 1.0f - log_var) * 0.5f, count);
    log_vars += count == kLanes ? log_var : only(log_var, count);
  });
  return 0.5 * sum(log_vars) + kNormalEntropy * static_cast<double>(latent);
}

void backward(const float* parameters, const float* noise, int64_t latent, const float* dz,
              const float* weight, float entropy_weight, float* gradient) {
  for_each_vec(latent, [=](int64_t i, int64_t count) {
    Vec mu = load_n(parameters + i, count), raw = load_n(parameters + latent + i, count);
    Vec sigma = exp(bounded_log_var(raw) * 0.5f);
    Vec w = load_n(weight + i, count), d = load_n(dz + i, count);
    Vec slope =
        (d * sigma * load_n(noise + i, count) + w * (sigma * sigma - 1.0f) + entropy_weight) * 0.5f;
    store_n(gradient + i, d + w * mu, count);
    store_n(gradient + latent + i, select(is_bounded(raw), slope, Vec{}), count);
  });
}

}  // namespace

extern const PosteriorKernels kDiagonalPosterior;
const PosteriorKernels kDiagonalPosterior = {parameters, groups, true, forward, backward};

}  // namespace elbo::ELBO_ISA
