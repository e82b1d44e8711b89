// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/weights.h"

#include <map>

#include "elbo/core/error.h"

namespace elbo {

NamedTensors copy_of(const NamedTensors& tensors) {
  NamedTensors out;
  for (const auto& [name, t] : tensors) out.emplace_back(name, t.detach().clone());
  return out;
}

void assign(const NamedTensors& to, const NamedTensors& from, const std::string& where) {
  at::NoGradGuard no_grad;
  ELBO_CHECK(to.size() == from.size(), Code::model, "{}: {} tensors, {} expected", where,
             from.size(), to.size());
  std::map<std::string, Tensor> given(from.begin(), from.end());
  for (const auto& [name, target] : to) {
    auto it = given.find(name);
    bool fits = it != given.end() && it->second.sizes() == target.sizes() &&
                it->second.scalar_type() == target.scalar_type();
    ELBO_CHECK(fits, Code::model, "{}: the tensor '{}' is missing or does not fit", where, name);
    Tensor(target).copy_(it->second);
  }
}

std::string first_non_finite(const NamedTensors& tensors) {
  for (const auto& [name, t] : tensors) {
    if (!t.isfinite().all().item<bool>()) return name;
  }
  return "";
}

}  // namespace elbo
