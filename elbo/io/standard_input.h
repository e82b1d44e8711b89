// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/core/files.h"

namespace elbo {

/// What standard input is called in messages.
inline constexpr const char* kStandardInputName = "standard input";

/// A path under which this process can read, as often as it likes, what standard input brought: it
/// is taken to its end at the first call and kept in a file without a name (DiskFile), which goes
/// with the process however that ends. Throws Error(Code::usage) where standard input is a
/// terminal, Error(Code::data) where nothing came, Error(Code::resource) when the disk is full.
const Path& standard_input();

/// A text with that path in it called by its name.
std::string with_standard_input_named(std::string text);

}  // namespace elbo
