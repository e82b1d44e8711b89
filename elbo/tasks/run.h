// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "elbo/tasks/plan.h"

namespace elbo {

/// The data.path of a run that was trained on standard input, which is no path: what came is gone.
inline constexpr const char* kStandardInputPath = "(standard input)";

/// What a run left behind.
struct RunResult {
  Path folder;
  Ending ending = Ending::finished;
  DataSource data;  ///< what it was trained on, as it is open
};

/// Makes a new run folder `parent/name` (counting up), writes config.toml and run.json, trains.
/// Throws what check_trainable throws.
RunResult train_run(Plan& plan, const Path& parent, const std::string& name,
                    TrainListener* listener, const std::atomic<bool>* stop);

/// What a resumed run does otherwise than its config.toml says, which then says so too.
struct ResumeOptions {
  int64_t epochs = 0;     ///< in all; 0: as it says
  int64_t patience = -1;  ///< -1: as it says
  std::string data;       ///< where the data lie now; "": where it says
};

/// Takes up a run where its last checkpoint left it, also a finished one where `epochs` asks for
/// more. Schedules are over the epochs there are in all: with more of them, the learning rate goes
/// on from where a run of that many would be, which under `cosine` is more than where it ended.
/// Throws Error(Code::usage) when the folder is no run, another process trains it, or so many
/// epochs are done already, Error(Code::data) when the data has changed.
RunResult resume_run(const Path& folder, TrainListener* listener, const std::atomic<bool>* stop,
                     const ResumeOptions& options = {});

/// The configuration of a run folder. Throws Error(Code::usage) when the folder is no run.
RunConfig open_config(const Path& folder);

/// A finished run, opened.
struct Run {
  Path folder;
  RunConfig config;
  TrainedModel trained;
};

/// Opens a run folder (its best/ model, or last/ where there is none yet) or a model folder. For a
/// model folder alone the configuration is the default one. Throws Error(Code::model).
Run open_run(const Path& folder);

/// The split an evaluation uses: the test set, else the validation rows, else the training set.
/// `name` is what was taken.
DatasetPtr held_out_split(const DataSource& data, std::string& name);

/// Whether the path leads to the data that the run was trained on, however it is spelled; "" does.
bool is_own_data(const Run& run, const std::string& path);

/// Data for a run's model: its own, split as it was in training, or other data, whole, read with
/// the run's reader where that accepts it. Columns with names are brought into the model's order.
/// Throws Error(Code::data) when the run's own data has changed, or when the columns or the shape
/// are not those the model takes.
DataSource open_for(const Run& run, const std::string& path);

/// Has a run's own data looked for elsewhere; "" leaves them where they were.
void move_data(DataOptions& options, const std::string& path);

/// Throws Error(Code::data) unless the data is what the run in the folder began with.
void check_unchanged(const Path& folder, const std::string& path, const DataSource& data);

}  // namespace elbo
