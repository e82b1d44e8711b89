// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "elbo/eval/diagnose.h"
#include "elbo/tasks/run.h"
#include "elbo/tasks/tables.h"

namespace elbo {

/// What a finished run came to.
struct RunSummary {
  Path folder;
  Path report;           ///< report.html, empty when none was written
  std::string headline;  ///< "epoch 39: test -ELBO 97.9 nats = 0.180 bits/dim; 19 of 20 ..."
  std::string split;     ///< the split the evaluation used
  Evaluation evaluation;
  Evaluation on_train;              ///< on at most 2,000 training examples, for the gap
  std::vector<Baseline> baselines;  ///< on the same split as the evaluation
  std::vector<Finding> findings;
  Value to_value() const;
};

/// What diagnose() has to know of a run's options.
Recipe recipe_of(const ModelOptions& model, const ObjectiveOptions& objective);

/// Evaluates the best model of a run on its held-out split, says what that means and, when asked,
/// writes report.html and plots/ into its folder, in the place of those already there. The same run
/// gives the same bytes. Baselines are fitted once and kept as baselines.json. `opened` is the
/// run's own data where they are open already.
RunSummary summarise(const Path& run, bool wants_report, const DataSource* opened = nullptr);

/// The model and the simple ones beside it, a line each: nats in model units and, of densities, in
/// the data's own, and the squared error of reconstruction.
TextTable baseline_table(const RunSummary& summary);

/// The report itself, from what is open already. Returns the path of report.html.
Path write_report(const Run& run, const DataSource& data, const RunSummary& summary);

/// "vae on mnist: 28x28 grey, 20 latent dimensions, 652,824 parameters".
std::string model_text(const Run& run);

}  // namespace elbo
