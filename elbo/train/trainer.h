// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "elbo/data/source.h"
#include "elbo/objectives/objective.h"
#include "elbo/train/engine.h"
#include "elbo/train/metrics_log.h"
#include "elbo/train/model_folder.h"

namespace elbo {

struct TrainOptions {
  int64_t epochs = 20;
  int64_t batch = 128;
  double lr = 3e-3;
  Part lr_schedule = "cosine";
  Part optimizer = "adam";
  double clip = 0;
  double ema = 0.999;
  int64_t patience = 0;
  std::string stop_on = "neg_elbo";
  double checkpoint_seconds = 30;
  std::string precision = "auto";
  bool tensorboard = false;
  void fields(Fields& f);
};

/// How a run ended.
enum class Ending { finished, early, stopped };

/// Watches a run. Called from the training thread.
class TrainListener {
 public:
  virtual ~TrainListener() = default;
  /// After every step that counted; terms() are the running means of this epoch.
  virtual void on_step(int64_t /*epoch*/, int64_t /*step*/, int64_t /*steps*/,
                       const std::function<std::map<std::string, double>()>& /*terms*/) {}
  virtual void on_epoch(const EpochRecord&) {}
  /// Something the user should know: a skipped step, a roll-back, an early stop.
  virtual void on_note(const std::string&) {}
};

/// What a model is on a data set.
struct HeldOut {
  HeldOut(std::map<std::string, double> t, std::map<std::string, std::vector<double>> r = {})
      : terms(std::move(t)), rows(std::move(r)) {}
  std::map<std::string, double> terms;              ///< means over the rows, by name
  std::map<std::string, std::vector<double>> rows;  ///< [N] of each row, for terms that have it
};
using HeldOutTerms = std::function<HeldOut(Model&, const Pipeline&, const Dataset&)>;

/// Everything a run works on.
struct TrainContext {
  TrainedModel trained;  ///< its pipeline fitted
  DataSource data;
  TrainOptions train;
  ObjectiveOptions objective;
  uint64_t seed = 0;
  at::Device device = at::kCPU;
  Path folder;  ///< the run folder: metrics.jsonl, best/ and last/ are written into it
  HeldOutTerms held_out;
  TrainListener* listener = nullptr;
  const std::atomic<bool>* stop = nullptr;  ///< set by a signal: finish the step, save, end
  bool keeps_weights = false;  ///< the model has been trained: nothing of it is made of these data
};

/// Trains until the epochs are done, patience runs out or the stop flag rises; writes best/ (of the
/// validation split, or the last epoch where there is none) and last/ (a checkpoint). A model that
/// starts as a fitted one (Model::start_from) is looked at first, as epoch 0, and stays the best
/// until an epoch betters it by two standard errors of the mean gain over the rows: a few rows that
/// are held out choose by chance. Resumes from
/// last/ when `resume` is set; a resumed run ends with the same bits as an uninterrupted one on the
/// same machine with the same number of threads. (One exception: where a run rolls back after
/// non-finite steps, it goes back to the start of its epoch or to the checkpoint it resumed from.)
/// Throws Error(Code::diverged) at the second time that ten steps in a row or an epoch's last
/// weights are not finite, and where not one step was finite.
Ending train(TrainContext& context, bool resume);

}  // namespace elbo
