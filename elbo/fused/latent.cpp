// SPDX-License-Identifier: Apache-2.0
#include "elbo/fused/latent.h"

#include <algorithm>

#include "elbo/core/error.h"

namespace elbo::fused {
namespace {

constexpr int64_t kRows = 8;  // in a turn

}  // namespace

LatentStage::LatentStage(const PosteriorKernels& kernels, Signal& parameters, Signal& z)
    : kernels_(kernels),
      parameters_(parameters),
      z_(z),
      groups_(kernels.groups(z.width)),
      weight_(static_cast<size_t>(groups_)) {
  ELBO_ASSERT(parameters.width == kernels.parameters(z.width));
}

void LatentStage::reserve(int64_t rows) {
  z_.reserve(rows);
  if (noise_.size() < rows * z_.width) noise_ = Buffer(rows * z_.width);
  if (group_kl_.size() < rows * groups_) group_kl_ = Buffer(rows * groups_);
}

void LatentStage::draw(Rng& rng, int64_t rows) {
  if (kernels_.has_noise) rng.normal({noise_.data(), static_cast<size_t>(rows * z_.width)});
}

void LatentStage::forward(const Work& w) {
  w.team.each((w.rows + kRows - 1) / kRows, [&](int, int64_t turn) {
    for (int64_t r = turn * kRows; r < std::min(w.rows, (turn + 1) * kRows); ++r) {
      kernels_.forward(parameters_.value + r * parameters_.width, noise_.data() + r * z_.width,
                       z_.width, z_.activated.data() + r * z_.width,
                       group_kl_.data() + r * groups_);
    }
  });
}

double LatentStage::weigh(const BoundWeights& weights, int64_t rows) {
  kl_ = 0;
  double weighted = 0, n = static_cast<double>(rows);
  // Where the KL does not separate, its one group stands for all dimensions.
  double floor = weights.free_bits * (groups_ == 1 ? static_cast<double>(z_.width) : 1);
  for (int64_t g = 0; g < groups_; ++g) {
    double mean = 0;
    for (int64_t r = 0; r < rows; ++r) mean += group_kl_.data()[r * groups_ + g];
    mean /= n;
    bool counts = weights.free_bits == 0 || mean >= floor;
    weight_[size_t(g)] = counts ? static_cast<float>(weights.beta / n) : 0;
    weighted += weights.beta * (counts ? mean : floor);
    kl_ += mean;
  }
  return weighted;
}

void LatentStage::backward(const Work& w) {
  w.team.each((w.rows + kRows - 1) / kRows, [&](int, int64_t turn) {
    for (int64_t r = turn * kRows; r < std::min(w.rows, (turn + 1) * kRows); ++r) {
      kernels_.backward(parameters_.value + r * parameters_.width, noise_.data() + r * z_.width,
                        z_.width, z_.gradient.data() + r * z_.width, weight_.data(),
                        parameters_.gradient.data() + r * parameters_.width);
    }
  });
}

}  // namespace elbo::fused
