// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/eval/diagnose.h"

namespace elbo {

/// What can be said about a run folder, the gravest first: that its files are whole and belong
/// together, how training went, and what diagnose() says of its model.
///
/// | finding         | level | holds when |
/// |-----------------|-------|------------|
/// | damaged file    | bad   | config.toml, run.json, metrics.jsonl or a model cannot be read |
/// | diverged        | bad   | a term in metrics.jsonl is not finite, or steps were rolled back |
/// | skipped steps   | warn  | some steps were not finite |
/// | unfinished      | warn  | fewer epochs are done than train.epochs, patience left |
/// | still improving | warn  | the last epoch is the best, and the last tenth gained over 1 % |
/// | data changed    | bad   | the fingerprint of the data is not the one in run.json |
/// | data missing    | warn  | the data cannot be opened, so nothing is measured |
/// `moved`: where the run's data lie now; "" where its configuration says.
std::vector<Finding> examine_run(const Path& folder, const std::string& moved = "");

}  // namespace elbo
