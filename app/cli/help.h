// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "app/cli/verb.h"

namespace elbo::cli {

/// What `elbo --help` prints: every verb with its summary.
std::string program_help();

/// What `elbo VERB --help` prints: usage, and every flag with default, range and meaning.
std::string verb_help(const Verb& verb, const Fields& flags);

}  // namespace elbo::cli
