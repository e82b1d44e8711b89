// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/gradients.h"

namespace elbo {

std::vector<Tensor> clones(const std::vector<Tensor>& tensors) {
  std::vector<Tensor> out;
  for (const Tensor& t : tensors) out.push_back(t.clone());
  return out;
}

Gradients find_gradients(Player& player, std::vector<Tensor>& params, const Batch& batch, Rng& rng,
                         const Tensor& weights) {
  Gradients out;
  Loss loss = player.loss(batch, rng, weights);
  for (Tensor& p : params) p.mutable_grad().reset();
  loss.total.backward({}, std::nullopt, false, params);
  for (Tensor& p : params) {
    if (!p.grad().defined()) p.mutable_grad() = at::zeros_like(p);
    out.of_params.push_back(p.grad());
  }
  // In f32 LibTorch's sum of squares is off by a thousandth for some millions of elements.
  Tensor norm = at::stack(at::_foreach_norm(out.of_params, 2, at::kDouble)).norm();
  std::vector<Tensor> numbers = {norm, loss.total.detach().to(at::kDouble)};
  for (auto& [name, term] : loss.terms) {
    out.names.push_back(name);
    numbers.push_back(term.mean(at::kDouble));
  }
  out.numbers = at::stack(numbers);
  return out;
}

}  // namespace elbo
