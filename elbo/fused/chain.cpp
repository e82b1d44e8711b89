// SPDX-License-Identifier: Apache-2.0
#include "elbo/fused/chain.h"

#include <algorithm>

#include "elbo/fused/dense.h"

namespace elbo::fused {

Parameter parameter_of(const Tensor& t, Way way) {
  if (way == Way::forward) return {t.data_ptr<float>(), nullptr};
  if (!t.grad().defined()) t.mutable_grad() = at::zeros_like(t);
  return {t.data_ptr<float>(), t.mutable_grad().data_ptr<float>()};
}

Chain::Chain(const Network& network, Signal& in, const SparseInput* sparse, Way way,
             const std::vector<Tensor>& panels) {
  Signal* last = &in;
  for (const ChainLayer& l : network.chain()) {
    signals_.push_back(std::make_unique<Signal>(l.weight.size(0)));
    Signal& next = *signals_.back();
    next.activation = *try_activation(l.activation);
    next.has_gradient = way == Way::both;
    next.dropout = way == Way::both ? l.dropout : 0;
    size_t i = stages_.size();
    bool has_panels = i < panels.size() && panels[i].defined();
    stages_.push_back(std::make_unique<Dense>(
        *last, next, parameter_of(has_panels ? panels[i] : l.weight, way),
        parameter_of(l.bias, way), last == &in ? sparse : nullptr, has_panels));
    last = &next;
  }
}

void Chain::reserve(int64_t rows) {
  for (auto& stage : stages_) stage->reserve(rows);
}

int64_t Chain::scratch() const {
  int64_t most = 0;
  for (const auto& stage : stages_) most = std::max(most, stage->scratch());
  return most;
}

void Chain::draw(Rng& rng, int64_t rows) {
  for (auto& stage : stages_) stage->draw(rng, rows);
}

void Chain::forward(const Work& work) {
  for (auto& stage : stages_) stage->forward(work);
}

void Chain::backward(const Work& work) {
  for (size_t i = stages_.size(); i-- > 0;) stages_[i]->backward(work);
}

std::string why_not_chain(const char* which, const Network& network) {
  std::vector<ChainLayer> layers = network.chain();
  if (layers.empty()) {
    return fmt::format("the {} is not a chain of dense layers without norm", which);
  }
  for (const ChainLayer& l : layers) {
    if (l.conv) return "no kernel for convolutions";
    if (!try_activation(l.activation)) return "no kernel for activation " + l.activation;
    bool fits = l.weight.is_cpu() && l.weight.scalar_type() == at::kFloat &&
                l.weight.is_contiguous() && l.bias.is_contiguous();
    if (!fits) return fmt::format("the {} is not in f32 on the CPU", which);
  }
  return "";
}

}  // namespace elbo::fused
