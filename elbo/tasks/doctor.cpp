// SPDX-License-Identifier: Apache-2.0
#include "elbo/tasks/doctor.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "elbo/tasks/history.h"
#include "elbo/tasks/report.h"
#include "elbo/tasks/tables.h"

namespace elbo {
namespace {

constexpr double kStillGaining = 0.01;  // of the whole gain, over the last tenth of the epochs
constexpr double kLeastGain = 0.05;     // nats, likewise
constexpr double kReach = 0.1;          // of a weight
constexpr double kSharedRows = 0.01;    // of the rows held out
constexpr int64_t kFewRows = 10;        // held out
constexpr size_t kColumnsNamed = 5;

class Examination {
 public:
  Examination(const Path& folder, const std::string& moved) : folder_(folder), moved_(moved) {}

  std::vector<Finding> run() {
    ELBO_CHECK(std::filesystem::exists(folder_), Code::usage,
               "{} does not exist\nName a folder that `elbo train` made.", folder_.string());
    ELBO_CHECK(std::filesystem::is_directory(folder_), Code::usage,
               "{} is no folder\nName one that `elbo train` made.", folder_.string());
    bool readable = try_to([&] { config_ = open_config(folder_); });
    readable = readable && try_to([&] { opened_ = open_run(folder_); });
    readable = try_to([&] { history_ = read_history(folder_); }) && readable;
    if (config_) look_at_training();
    if (readable && data_is_the_same()) {
      look_at_reach();
      look_at_columns();
      look_at_rows();
      std::vector<Finding> of_model;
      try_to([&] { of_model = summarise(folder_, false, &data_).findings; });
      found_.insert(found_.end(), of_model.begin(), of_model.end());
    }
    sort_findings(found_);
    return found_;
  }

 private:
  template <class... Args>
  void say(const char* level, fmt::format_string<Args...> format, Args&&... args) {
    found_.push_back({level, fmt::format(format, std::forward<Args>(args)...)});
  }

  /// False, with a finding, where `read` throws.
  template <class Read>
  bool try_to(Read read, const char* level = "bad") {
    try {
      read();
      return true;
    } catch (const Error& e) {
      std::string text = e.message();
      for (size_t at; (at = text.find('\n')) != std::string::npos;) text.replace(at, 1, ". ");
      say(level, "{}", text);
      return false;
    }
  }

  void look_at_training() {
    if (history_.empty()) {
      if (!std::filesystem::exists(settled_folder(folder_ / "best"))) {
        return say("warn", "no epoch is done yet: elbo resume {}", folder_.string());
      }
      return say("bad", "metrics.jsonl is missing or empty: how training went is not known");
    }
    for (const Value& record : history_) {
      for (const auto& [name, value] : record.as_table()) {
        if (!value.is_null()) continue;
        return say("bad",
                   "training diverged: {} of epoch {} ({}) is not finite. Lower train.lr or set "
                   "train.clip=1, and train again",
                   name, record.at("epoch").as_integer(), record.at("split").as_string());
      }
    }
    if (history_.back().at("epoch").as_integer() == 0 && !has_model()) {
      return say("bad",
                 "no epoch is done and no model was kept: training diverged or was ended. Train "
                 "again with a lower rate (train.lr={:g}), or go on with elbo resume {}",
                 config_->train.lr / 10, folder_.string());
    }
    look_at_steps();
    look_at_progress();
  }

  bool has_model() const {
    return std::filesystem::exists(settled_folder(folder_ / "best")) ||
           std::filesystem::exists(settled_folder(folder_ / "last"));
  }

  /// How far a weight can have come.
  void look_at_reach() {
    const TrainOptions& o = config_->train;
    if (history_.empty() || config_->model.linear || !config_->init.empty()) return;
    if (o.optimizer.type != "adam" && o.optimizer.type != "adamw") return;
    int64_t epochs = history_.back().at("epoch").as_integer();
    int64_t steps = epochs * ((data_.train->size() + o.batch - 1) / o.batch);
    double reach = static_cast<double>(steps) * o.lr;
    if (reach >= kReach) return;
    say("warn",
        "too few steps: in {} at train.lr={:g} no weight can have moved by more than {:.2g}. Train "
        "longer (train.epochs={:.0f}) or with a higher rate",
        counted(steps, "step"), o.lr, reach,
        std::ceil(10 * kReach / reach * static_cast<double>(epochs)));
  }

  /// "leave them out (--drop a,b)" and the like, for at most kColumnsNamed of them.
  void say_odd(const char* what, std::vector<std::string> names, const std::string& remedy) {
    if (names.empty()) return;
    size_t more = names.size() - std::min(names.size(), kColumnsNamed);
    names.resize(names.size() - more);
    say("warn", "{} {}: {}{}. {}", names.size() + more == 1 ? "column" : "columns", what,
        fmt::join(names, ", "), more ? fmt::format(" and {} more", more) : "", remedy);
  }

  void look_at_columns() {
    if (data_.schema.kind != "table") return;
    std::vector<std::string> constant, copied, sentinel;
    for (const ColumnStatistics& column : column_statistics(*data_.train)) {
      for (const std::string& flag : column.flags) {
        if (flag == "constant") constant.push_back(column.name);
        if (flag.starts_with("the same")) {
          copied.push_back(fmt::format("{} ({})", column.name, flag));
        }
      }
    }
    std::string text;  // the first that may mean missing
    for (const ColumnReport& column : data_.column_reports) {
      for (const std::string& flag : column.flags) {
        if (column.role != "feature" || !flag.ends_with("may mean missing")) continue;
        sentinel.push_back(fmt::format("{} ({})", column.name, flag));
        if (text.empty()) text = flag.substr(0, flag.find(' '));
      }
    }
    say_odd("without variation", constant, "Leave them out (--drop)");
    say_odd("that are copies of others", copied, "Leave them out (--drop)");
    say_odd("with odd numbers", sentinel,
            fmt::format("If such a number means missing, say so (--reader csv --reader.missing {})",
                        text));
  }

  void look_at_rows() {
    std::string split;
    DatasetPtr held_out = held_out_split(data_, split);
    if (split == "train") {
      return say("warn",
                 "no rows are held out: what is measured was seen in training. It takes "
                 "more data, or data.valid and data.test that hold rows out");
    }
    int64_t rows = held_out->size();
    if (rows < kFewRows) {
      bool has_more = !data_.has_own_test && data_.all->size() >= 2 * kFewRows;
      say("warn", "measured on {} held out, too few to tell: {}", counted(rows, "row"),
          has_more ? "hold out more (data.test=0.5)" : "it takes more data");
    }
    if (data_.schema.kind != "table") return;
    auto shared = static_cast<double>(shared_rows(*held_out, *data_.train));
    if (shared <= kSharedRows * static_cast<double>(rows)) return;
    say("warn",
        "{} of {} held-out rows are also among the training rows. If they are copies, and do not "
        "just happen to be equal, their figures are too good: leave them out of the data",
        shared, rows);
  }

  void look_at_steps() {
    Series skipped = history_of(history_, "train", "skipped_steps");
    Series factor = history_of(history_, "train", "lr_factor");
    if (!factor.y.empty() && factor.y.back() < 1) {
      say("bad",
          "the run rolled back after non-finite steps and went on with the learning rate times {}. "
          "Lower train.lr or set train.clip=1",
          factor.y.back());
    } else if (!skipped.y.empty() && skipped.y.back() > 0) {
      say("warn", "{} skipped. Lower train.lr or set train.clip=1",
          counted(static_cast<int64_t>(skipped.y.back()), "non-finite step"));
    }
  }

  void look_at_progress() {
    int64_t done = history_.back().at("epoch").as_integer();
    if (done < config_->train.epochs && !ran_out_of_patience(done)) {
      say("warn", "{} of {} done: go on with elbo resume {}", done,
          counted(config_->train.epochs, "epoch"), folder_.string());
    }
    Series held_out = history_of(history_, "valid", config_->train.stop_on);
    size_t n = held_out.y.size(), tail = std::max<size_t>(1, n / 10);
    if (n < 5) return;
    double gain = held_out.y[0] - held_out.y[n - 1],
           late = held_out.y[n - 1 - tail] - held_out.y[n - 1];
    bool last_is_best =
        *std::min_element(held_out.y.begin(), held_out.y.end()) == held_out.y[n - 1];
    if (last_is_best && late > std::max(kLeastGain, kStillGaining * gain)) {
      say("warn",
          "still improving at the end: the last {} brought {:.2g} nats. Train longer "
          "(train.epochs={})",
          counted(static_cast<int64_t>(tail), "epoch"), late, 2 * config_->train.epochs);
    }
  }

  /// Whether train.patience ended the run.
  bool ran_out_of_patience(int64_t done) const {
    const Value* best = opened_ ? opened_->trained.metrics.find("epoch") : nullptr;
    return best && best->is_integer() && config_->train.patience > 0 &&
           done - best->as_integer() >= config_->train.patience;
  }

  bool data_is_the_same() {
    auto seed = static_cast<uint64_t>(config_->seed);
    move_data(config_->data, moved_);
    return try_to([&] { data_ = open_data(config_->data, seed); }, "warn") &&
           try_to([&] { check_unchanged(folder_, config_->data.path, data_); });
  }

  Path folder_;
  std::string moved_;
  DataSource data_;  // the run's own, once they are open
  std::optional<RunConfig> config_;
  std::optional<Run> opened_;
  std::vector<Value> history_;
  std::vector<Finding> found_;
};

}  // namespace

std::vector<Finding> examine_run(const Path& folder, const std::string& moved) {
  return Examination(folder, moved).run();
}

}  // namespace elbo
