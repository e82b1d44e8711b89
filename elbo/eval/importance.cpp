// SPDX-License-Identifier: Apache-2.0
#include "elbo/eval/importance.h"

#include <algorithm>
#include <cmath>

namespace elbo {

void LogWeights::add(const Tensor& log_w) {
  Tensor w = log_w.detach().to(at::kDouble);
  Tensor largest = w.amax(0);
  Tensor max = samples_ == 0 ? largest : at::maximum(max_, largest);
  Tensor shift = max.masked_fill(max.isinf(), 0);  // weights that are all zero stay zero
  Tensor relative = (w - shift).exp();
  Tensor sum = relative.sum(0), sum_of_squares = relative.square().sum(0);
  if (samples_ > 0) {
    Tensor rescale = (max_ - shift).exp();
    sum = sum + sum_ * rescale;
    sum_of_squares = sum_of_squares + sum_of_squares_ * rescale.square();
  }
  max_ = max, sum_ = sum, sum_of_squares_ = sum_of_squares;
  samples_ += log_w.size(0);
}

Tensor LogWeights::log_mean() const {
  return max_ + sum_.log() - std::log(static_cast<double>(samples_));
}

Tensor LogWeights::effective_samples() const {
  return sum_.square() / sum_of_squares_.masked_fill(sum_of_squares_ == 0, 1);
}

Tensor log_weights(const Pass& pass) {
  Tensor out = pass.log_px.to(at::kDouble);
  for (const Latent& latent : pass.latents) {
    out = out + latent.log_p.to(at::kDouble) - latent.log_q.to(at::kDouble);
  }
  return out;
}

LogWeights importance_weights(Model& model, const Batch& batch, Rng& rng, int64_t samples,
                              int64_t max_rows) {
  const int64_t chunk = std::max<int64_t>(1, max_rows / batch.size());
  LogWeights out;
  while (out.samples() < samples) {
    int64_t n = std::min(chunk, samples - out.samples());
    out.add(log_weights(model.pass(batch, rng, {.samples = n, .densities = true})));
  }
  return out;
}

}  // namespace elbo
