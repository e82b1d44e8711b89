// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace elbo {

/// How deep lists and tables may stand in each other in a file: far more than any of ours needs,
/// far less than the stack holds.
constexpr size_t kMaxNesting = 64;

}  // namespace elbo
