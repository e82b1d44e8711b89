// SPDX-License-Identifier: Apache-2.0
#pragma once

// The one door through which LibTorch enters, and the precompiled header of every folder that uses
// it. Narrow on purpose: <torch/torch.h> costs 11 to 27 seconds a file, these 2 to 5 without and
// under one with precompilation.
#include <ATen/ATen.h>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/nn/module.h>
#include <torch/types.h>

namespace elbo {

using at::Tensor;

}  // namespace elbo
