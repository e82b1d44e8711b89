// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/tensor_file.h"

#include <algorithm>

#include "elbo/io/safetensors.h"
#include "elbo/tensor/convert.h"

namespace elbo {

NamedTensors state_of(const torch::nn::Module& module) {
  NamedTensors out;
  for (const auto& item : module.named_parameters()) out.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers()) out.emplace_back(item.key(), item.value());
  std::sort(out.begin(), out.end(), [](auto& a, auto& b) { return a.first < b.first; });
  return out;
}

void check_state(const torch::nn::Module& module, const NamedTensors& tensors,
                 std::string_view where) {
  std::map<std::string, Tensor> given(tensors.begin(), tensors.end());
  for (const auto& [name, target] : state_of(module)) {
    auto it = given.find(name);
    ELBO_CHECK(it != given.end(), Code::model, "{}: the tensor '{}' is missing", where, name);
    const Tensor& source = it->second;
    ELBO_CHECK(source.sizes() == target.sizes(), Code::model,
               "{}: the tensor '{}' has shape {}, the architecture wants {}", where, name,
               shape_text(source.sizes().vec()), shape_text(target.sizes().vec()));
    bool is_wider = source.scalar_type() == at::kFloat && target.scalar_type() == at::kDouble;
    ELBO_CHECK(is_wider || source.scalar_type() == target.scalar_type(), Code::model,
               "{}: the tensor '{}' holds {}, the architecture wants {}", where, name,
               c10::toString(source.scalar_type()), c10::toString(target.scalar_type()));
    given.erase(it);
  }
  ELBO_CHECK(given.empty(), Code::model, "{}: the tensor '{}' has no place in the architecture",
             where, given.begin()->first);
}

void load_state(torch::nn::Module& module, const NamedTensors& tensors, std::string_view where) {
  at::NoGradGuard no_grad;
  check_state(module, tensors, where);
  std::map<std::string, Tensor> given(tensors.begin(), tensors.end());
  for (auto& [name, target] : state_of(module)) {
    const Tensor& source = given.at(name);
    std::string place =
        source.is_floating_point() ? first_place(source.isfinite().logical_not()) : "";
    ELBO_CHECK(place.empty(), Code::model, "{}: the tensor '{}' is not finite at {}", where, name,
               place);
    target.copy_(source);
  }
}

Bytes encode_tensors(const NamedTensors& tensors) {
  TensorFile file;
  for (const auto& [name, tensor] : tensors) file.tensors.emplace_back(name, to_array(tensor));
  return encode_safetensors(file);
}

NamedTensors parse_tensors(std::span<const std::byte> bytes, std::string_view where) {
  NamedTensors out;
  for (auto& [name, array] : parse_safetensors(bytes, where).tensors) {
    out.emplace_back(name, to_tensor(array));
  }
  return out;
}

}  // namespace elbo
