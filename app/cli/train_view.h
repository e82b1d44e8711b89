// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

#include "app/cli/console.h"
#include "elbo/tasks/report.h"
#include "elbo/tasks/run.h"

namespace elbo::cli {

/// Shows a run as it goes: a bar on a terminal, elsewhere a line for each epoch or ten seconds.
class TrainView : public TrainListener {
 public:
  TrainView(Console& console, int64_t epochs) : console_(console), epochs_(epochs) {}
  void on_step(int64_t epoch, int64_t step, int64_t steps,
               const std::function<std::map<std::string, double>()>& terms) override;
  void on_epoch(const EpochRecord& record) override;
  void on_note(const std::string& text) override;

 private:
  using Clock = std::chrono::steady_clock;
  std::string line(int64_t epoch, double share, const std::map<std::string, double>& terms) const;
  Console& console_;
  int64_t epochs_;
  int64_t first_epoch_ = 0;  ///< the epoch in which this view began
  double first_share_ = 0;
  std::string rate_;  // of the last epoch, in words
  std::map<std::string, double> held_out_;
  std::string held_out_split_;
  Clock::time_point last_epoch_, start_ = Clock::now(), last_ = Clock::now();
};

/// "data", "model", "loss", "plan" and what there is to say.
std::vector<std::pair<std::string, std::string>> plan_lines(const Plan& plan);
/// These lines and the notes on the data before training; with --verbose also why.
void tell_plan(const Plan& plan, Console& console);
/// What a diagnosis warns of, a line each; with --verbose also what is well.
void tell_findings(const std::vector<Finding>& findings, Console& console);
/// What is to be known beside an evaluation's numbers.
void tell_notes(const Evaluation& evaluation, Console& console);
/// The lines "best", "report", "next" after it.
void tell_summary(const RunSummary& summary, Console& console);

}  // namespace elbo::cli
