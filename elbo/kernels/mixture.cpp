// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set. log p(z) = log 1/C sum_c exp(l_c),
// l_c = -1/2 sum_j (ln 2 pi + log_var_cj + (z_j - mu_cj)^2 / exp(log_var_cj)).
#include "elbo/kernels/mixture.h"

#include "elbo/kernels/math.h"

namespace elbo::ELBO_ISA {
namespace {

constexpr double kLogTwoPi = 1.8378770664093453;
constexpr int kAtOnce = 4;  // vectors of components, or dimensions, whose sums are held
constexpr float kNowhere = -1e30f;

void prepare_component(const float* mean, const float* log_var, int64_t c,
                       const MixtureParts& parts) {
  const int64_t stride = parts.stride;
  double sum = 0;
  for_each_vec(parts.latent, [&](int64_t j, int64_t count) {
    Vec precision = exp(-load_n(log_var + j, count));
    for (int64_t i = 0; i < count; ++i) {
      parts.mean[(j + i) * stride + c] = mean[j + i];
      parts.precision[(j + i) * stride + c] = precision[i];
      sum += log_var[j + i];
    }
  });
  parts.constant[c] = static_cast<float>(-0.5 * sum);
}

void prepare(const float* mean, const float* log_var, const MixtureParts& parts) {
  const int64_t stride = parts.stride, latent = parts.latent;
  for (int64_t c = 0; c < parts.components; ++c) {
    prepare_component(mean + c * latent, log_var + c * latent, c, parts);
  }
  for (int64_t c = parts.components; c < stride; ++c) {
    for (int64_t j = 0; j < latent; ++j) {
      parts.mean[j * stride + c] = parts.precision[j * stride + c] = 0;
    }
    parts.constant[c] = kNowhere;
  }
}

/// logs [S] = l_c but for -1/2 Z ln 2 pi; returns the largest.
float log_by_component(const MixtureParts& parts, const float* z, float* logs) {
  const int64_t stride = parts.stride;
  Vec most = splat(2 * kNowhere);
  for (int64_t c = 0; c < stride; c += kAtOnce * kLanes) {
    Vec squares[kAtOnce] = {};
    for (int64_t j = 0; j < parts.latent; ++j) {
      Vec at = splat(z[j]);
      for (int v = 0; v < kAtOnce; ++v) {
        int64_t i = j * stride + c + v * kLanes;
        Vec off = at - load(parts.mean + i);
        squares[v] = multiply_add(off * load(parts.precision + i), off, squares[v]);
      }
    }
    for (int v = 0; v < kAtOnce; ++v) {
      Vec log_p = load(parts.constant + c + v * kLanes) - squares[v] * 0.5f;
      store(logs + c + v * kLanes, log_p);
      most = larger(most, log_p);
    }
  }
  float lanes[kLanes], out = 2 * kNowhere;
  store(lanes, most);
  for (float lane : lanes) out = lane > out ? lane : out;
  return out;
}

double row(const MixtureParts& parts, const float* z, float* shares) {
  const int64_t stride = parts.stride;
  float most = log_by_component(parts, z, shares);
  Vec sums = {};
  for (int64_t c = 0; c < stride; c += kLanes) {
    Vec p = exp(load(shares + c) - most);
    store(shares + c, p);
    sums += p;
  }
  float all = sum(sums);
  for (int64_t c = 0; c < stride; c += kLanes) store(shares + c, load(shares + c) / all);
  return static_cast<double>(most) + __builtin_log(all) -
         __builtin_log(static_cast<double>(parts.components)) -
         0.5 * kLogTwoPi * static_cast<double>(parts.latent);
}

void of_row(const MixtureParts& parts, const float* z, const float* shares, float weight,
            float* dz) {
  const int64_t stride = parts.stride;
  for (int64_t j = 0; j < parts.latent; ++j) {
    Vec at = splat(z[j]), sums[kAtOnce] = {};
    for (int64_t c = 0; c < stride; c += kAtOnce * kLanes) {
      for (int v = 0; v < kAtOnce; ++v) {
        int64_t i = c + v * kLanes;
        Vec off = load(parts.mean + j * stride + i) - at;
        sums[v] =
            multiply_add(off * load(parts.precision + j * stride + i), load(shares + i), sums[v]);
      }
    }
    dz[j] = weight * sum((sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
}

/// Of dimensions [j, j + count) of the components from c, as many as a vector has.
void of_some(const MixtureParts& parts, const float* z, const float* shares, const float* weight,
             int64_t rows, int64_t c, int64_t j, int64_t count, float* of_mean, float* of_log_var) {
  const int64_t stride = parts.stride, latent = parts.latent;
  Vec mean[kAtOnce] = {}, first[kAtOnce] = {}, second[kAtOnce] = {}, whole = {};
  for (int64_t i = 0; i < count; ++i) mean[i] = load(parts.mean + (j + i) * stride + c);
  for (int64_t n = 0; n < rows; ++n) {
    Vec share = load(shares + n * stride + c) * weight[n];
    whole += share;
    for (int i = 0; i < kAtOnce; ++i) {
      Vec off = z[n * latent + j + (i < count ? i : 0)] - mean[i], part = share * off;
      first[i] += part;
      second[i] = multiply_add(part, off, second[i]);
    }
  }
  for (int64_t i = 0; i < count; ++i) {
    Vec precision = load(parts.precision + (j + i) * stride + c);
    Vec m = first[i] * precision, s = (second[i] * precision - whole) * 0.5f;
    for (int64_t lane = 0; lane < kLanes && c + lane < parts.components; ++lane) {
      of_mean[(c + lane) * latent + j + i] = m[lane];
      of_log_var[(c + lane) * latent + j + i] = s[lane];
    }
  }
}

void of_block(const MixtureParts& parts, const float* z, const float* shares, const float* weight,
              int64_t rows, int64_t block, float* of_mean, float* of_log_var) {
  for (int64_t c = block * kMixtureBlock; c < (block + 1) * kMixtureBlock; c += kLanes) {
    for (int64_t j = 0; j < parts.latent; j += kAtOnce) {
      int64_t count = parts.latent - j < kAtOnce ? parts.latent - j : kAtOnce;
      of_some(parts, z, shares, weight, rows, c, j, count, of_mean, of_log_var);
    }
  }
}

}  // namespace

extern const MixtureKernels kMixture;
const MixtureKernels kMixture = {prepare, row, of_row, of_block};

}  // namespace elbo::ELBO_ISA
