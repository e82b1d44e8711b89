// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "elbo/tensor/tensor_file.h"

namespace elbo {

/// The same names with tensors of their own.
NamedTensors copy_of(const NamedTensors& tensors);

/// Copies `from` into the tensors of `to`, by name. Throws Error(Code::model), starting with
/// `where`, when a name is missing, there are others, or a shape or type differs.
void assign(const NamedTensors& to, const NamedTensors& from, const std::string& where);

/// The first name whose tensor holds a NaN or an infinity; empty when there is none.
std::string first_non_finite(const NamedTensors& tensors);

}  // namespace elbo
