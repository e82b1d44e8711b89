// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set. z = mu + L eps with L lower triangular,
// KL = (|L|_F^2 + |mu|^2 - Z) / 2 - sum_j ln L_jj, H = Z (1 + ln 2 pi) / 2 + sum_j ln L_jj.
// Parameters: mu [Z], 2 ln L_jj [Z], and the entries below the diagonal row by row.
#include "elbo/kernels/math.h"
#include "elbo/kernels/posterior.h"
#include "elbo/kernels/posterior_bounds.h"

namespace elbo::ELBO_ISA {
namespace {

int64_t parameters(int64_t latent) { return 2 * latent + latent * (latent - 1) / 2; }
int64_t groups(int64_t) { return 1; }

double forward(const float* parameters, const float* noise, int64_t latent, float* z, float* kl) {
  Vec total = {}, log_vars = {};
  for_each_vec(latent, [&](int64_t i, int64_t count) {
    Vec mu = load_n(parameters + i, count);
    Vec log_var = bounded_log_var(load_n(parameters + latent + i, count));
    Vec diagonal = exp(log_var * 0.5f);
    store_n(z + i, mu + diagonal * load_n(noise + i, count), count);
    Vec own = mu * mu + diagonal * diagonal - 1.0f - log_var;
    total += count == kLanes ? own : only(own, count);
    log_vars += count == kLanes ? log_var : only(log_var, count);
  });
  const float* row = parameters + 2 * latent;
  for (int64_t i = 1; i < latent; row += i, ++i) {
    Vec product = {};
    for_each_vec(i, [&](int64_t j, int64_t count) {
      Vec l = load_n(row + j, count);
      product += l * load_n(noise + j, count);
      total += l * l;
    });
    z[i] += sum(product);
  }
  *kl = 0.5f * sum(total);
  return 0.5 * sum(log_vars) + kNormalEntropy * static_cast<double>(latent);
}

void backward(const float* parameters, const float* noise, int64_t latent, const float* dz,
              const float* weight, float entropy_weight, float* gradient) {
  float w = *weight;
  for_each_vec(latent, [=](int64_t i, int64_t count) {
    Vec mu = load_n(parameters + i, count), raw = load_n(parameters + latent + i, count);
    Vec diagonal = exp(bounded_log_var(raw) * 0.5f), d = load_n(dz + i, count);
    Vec slope = d * load_n(noise + i, count) * diagonal + w * (diagonal * diagonal - 1.0f);
    slope = (slope + entropy_weight) * 0.5f;
    store_n(gradient + i, d + w * mu, count);
    store_n(gradient + latent + i, select(is_bounded(raw), slope, Vec{}), count);
  });
  int64_t offset = 2 * latent;
  for (int64_t i = 1; i < latent; offset += i, ++i) {
    for_each_vec(i, [=](int64_t j, int64_t count) {
      Vec l = load_n(parameters + offset + j, count);
      store_n(gradient + offset + j, load_n(noise + j, count) * dz[i] + l * w, count);
    });
  }
}

}  // namespace

extern const PosteriorKernels kFullPosterior;
const PosteriorKernels kFullPosterior = {parameters, groups, true, forward, backward};

}  // namespace elbo::ELBO_ISA
