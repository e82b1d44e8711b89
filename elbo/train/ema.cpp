// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/ema.h"

#include <algorithm>
#include <map>

#include "elbo/kernels/update.h"
#include "elbo/train/weights.h"

namespace elbo {

Ema::Ema(const Model& model, double decay) : decay_(decay) {
  if (decay == 0) return;
  shadow_ = copy_of(state_of(model));
  std::map<std::string, Tensor> by_name(shadow_.begin(), shadow_.end());
  for (const auto& item : model.named_parameters()) {
    parameters_.push_back({item.value(), by_name.at(item.key())});
  }
  for (const auto& item : model.named_buffers()) {
    buffers_.push_back({item.value(), by_name.at(item.key())});
  }
}

void Ema::begin(int64_t step) {
  auto t = static_cast<double>(step);
  share_ = 1 - std::min(decay_, (1 + t) / (10 + t));
  for (Pair& p : parameters_) p.is_followed = false;
}

void Ema::follow(size_t parameter, int64_t offset, int64_t count) {
  Pair& p = parameters_[parameter];
  if (offset == 0) p.is_followed = true;
  update_kernels(isa()).average(static_cast<float>(share_), p.shadow.data_ptr<float>() + offset,
                                p.live.data_ptr<float>() + offset, count);
}

void Ema::finish() {
  if (!is_on()) return;
  at::NoGradGuard no_grad;
  for (const auto* pairs : {&parameters_, &buffers_}) {
    for (const Pair& p : *pairs) {
      if (p.is_followed) continue;
      p.live.is_floating_point() ? p.shadow.lerp_(p.live, share_) : p.shadow.copy_(p.live);
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
