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
/// |                 |       | of the gain and 0.05 nats |
/// | few steps       | warn  | steps * train.lr < 0.1 under adam, which moves no weight further |
/// |                 |       | than train.lr a step (Kingma & Ba 2015, section 2.1): the weights, |
/// |                 |       | drawn about as large, are much as they were. Not where training |
/// |                 |       | starts at a fitted linear model |
/// | no epoch done   | bad   | only the start was measured, and no model was kept |
/// | odd columns     | warn  | a modelled column is constant, a copy of another, or has numbers |
/// |                 |       | such as -999 that may mean missing |
/// | rows held out   | warn  | over 1 % of the held-out rows of a table are also among the |
/// | are not new     |       | training rows: what is measured on them was seen |
/// | few rows        | warn  | fewer than 10 rows are held out: a spread over n rows is known to |
/// |                 |       | 1 / sqrt(2 (n - 1)), a quarter at 10 |
/// | none held out   | warn  | there are no rows but those for training |
/// | data changed    | bad   | the fingerprint of the data is not the one in run.json |
/// | data missing    | warn  | the data cannot be opened, so nothing is measured |
/// `moved`: where the run's data lie now; "" where its configuration says.
std::vector<Finding> examine_run(const Path& folder, const std::string& moved = "");

}  // namespace elbo
