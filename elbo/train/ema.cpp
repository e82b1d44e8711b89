// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/ema.h"

#include <algorithm>

#include "elbo/kernels/update.h"
#include "elbo/tensor/threads.h"
#include "elbo/train/weights.h"

namespace elbo {

namespace {

void average(float share, const float* from, int64_t n, float* to) {
  constexpr int64_t kPiece = 16384;
  share_loop((n + kPiece - 1) / kPiece, [&](int64_t i) {
    int64_t at = i * kPiece;
    update_kernels(isa()).average(share, to + at, from + at, std::min(kPiece, n - at));
  });
}

}  // namespace

Ema::Ema(const Model& model, double decay) : decay_(decay) {
  if (decay > 0) shadow_ = copy_of(state_of(model));
}

void Ema::update(const Model& model, int64_t step) {
  if (!is_on()) return;
  auto t = static_cast<double>(step);
  double decay = std::min(decay_, (1 + t) / (10 + t));
  at::NoGradGuard no_grad;
  NamedTensors live = state_of(model);
  for (size_t i = 0; i < live.size(); ++i) {
    const Tensor& from = live[i].second;
    Tensor& to = shadow_[i].second;
    if (!from.is_floating_point()) {
      to.copy_(from);
    } else if (from.is_cpu() && from.scalar_type() == at::kFloat && from.is_contiguous()) {
      average(static_cast<float>(1 - decay), from.data_ptr<float>(), from.numel(),
              to.data_ptr<float>());
    } else {
      to.lerp_(from, 1 - decay);
    }
  }
}

WithAveragedWeights::WithAveragedWeights(Model& model, const Ema& ema)
    : model_(model), is_on_(ema.is_on()) {
  if (!is_on_) return;
  live_ = copy_of(state_of(model));
  assign(state_of(model), ema.shadow(), "ema");
}

WithAveragedWeights::~WithAveragedWeights() {
  if (is_on_) assign(state_of(model_), live_, "ema");
}

}  // namespace elbo
