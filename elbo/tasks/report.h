// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/eval/diagnose.h"
#include "elbo/tasks/run.h"

namespace elbo {

/// What a finished run came to.
struct RunSummary {
  Path folder;
  Path report;           ///< report.html, empty when none was written
  std::string headline;  ///< "epoch 39: test -ELBO 97.9 nats = 0.180 bits/dim; 19 of 20 ..."
  std::string split;     ///< the split the evaluation used
  Evaluation evaluation;
  std::vector<Finding> findings;
  Value to_value() const;
};

/// Evaluates the best model of a run on its held-out split and, when asked, writes report.html and
/// plots/ into its folder.
RunSummary summarise(const Path& run, bool write_report);

}  // namespace elbo
