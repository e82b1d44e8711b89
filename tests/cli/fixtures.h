// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/core/files.h"

namespace elbo::testing {

/// Writes the files that the commands of bad_input.txt name, good and bad, into the folder.
void make_data_fixtures(const Path& folder);

/// Writes the files that the commands of good_paths.txt name: a table with labels, pictures of two
/// classes, a bare array.
void make_good_fixtures(const Path& folder);

/// Copies the run folder `run` and damages each copy in one way.
void make_run_fixtures(const Path& folder);

}  // namespace elbo::testing
