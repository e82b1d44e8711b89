// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/shapes_only.h"

namespace elbo {
namespace {

thread_local bool shapes_only = false;

}  // namespace

ShapesOnly::ShapesOnly() : outer_(shapes_only) { shapes_only = true; }

ShapesOnly::~ShapesOnly() { shapes_only = outer_; }

at::TensorOptions weight_options() {
  return at::TensorOptions(at::kFloat).device(shapes_only ? at::kMeta : at::kCPU);
}

}  // namespace elbo
