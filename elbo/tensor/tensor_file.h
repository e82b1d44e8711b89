// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "elbo/core/files.h"
#include "elbo/tensor/torch.h"

namespace elbo {

using NamedTensors = std::vector<std::pair<std::string, Tensor>>;

/// Every parameter and buffer of a module by its dotted name, sorted by name.
NamedTensors state_of(const torch::nn::Module& module);

/// Throws Error(Code::model), starting with `where`, unless the tensors have the names, shapes and
/// types of the module's (f32 may become f64).
void check_state(const torch::nn::Module& module, const NamedTensors& tensors,
                 std::string_view where);

/// Copies tensors into a module's parameters and buffers. Throws what check_state throws, and
/// Error(Code::model) for a number that is not finite.
void load_state(torch::nn::Module& module, const NamedTensors& tensors, std::string_view where);

/// A safetensors file of named tensors, as bytes and back.
Bytes encode_tensors(const NamedTensors& tensors);
NamedTensors parse_tensors(std::span<const std::byte> bytes, std::string_view where);

}  // namespace elbo
