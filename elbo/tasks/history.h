// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/core/files.h"
#include "elbo/core/value.h"
#include "elbo/report/chart.h"

namespace elbo {

/// The lines of a run's metrics.jsonl in order; none when the file is missing. A last line cut
/// short by a kill is left out. Throws Error(Code::data) with the line for anything else that is no
/// record.
std::vector<Value> read_history(const Path& run);

/// One term by epoch on one split, named after the split; empty when it was not recorded.
Series history_of(const std::vector<Value>& records, const std::string& split,
                  const std::string& term);

}  // namespace elbo
