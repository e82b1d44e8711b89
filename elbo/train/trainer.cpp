// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/trainer.h"

#include <ATen/Parallel.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "elbo/core/metric.h"
#include "elbo/data/device_batches.h"
#include "elbo/kernels/peak.h"
#include "elbo/nets/network.h"
#include "elbo/tensor/threads.h"
#include "elbo/train/checkpoint.h"
#include "elbo/train/ema.h"
#include "elbo/train/weights.h"

namespace elbo {

void TrainOptions::fields(Fields& f) {
  f("epochs", epochs, "passes over the training data", at_least(1));
  f("batch", batch, "examples in a step", between(1, 1 << 24));
  f("lr", lr, "learning rate", above(0));
  f("lr_schedule", lr_schedule, "factor of the learning rate over the run", schedules());
  f("optimizer", optimizer, "how weights follow their gradients", optimizers());
  f("clip", clip, "largest norm of the gradient; 0 leaves it as it is", at_least(0));
  f("ema", ema, "decay of a running mean of the weights, which is evaluated and saved; 0 is off",
    {.lo = 0, .hi = 1, .open_hi = true});
  f("patience", patience, "stop after this many epochs without improvement; 0 never", at_least(0));
  f("stop_on", stop_on, "the validation term that decides on best/ and on stopping");
  f("checkpoint_seconds", checkpoint_seconds, "seconds between checkpoints", at_least(0));
  f("precision", precision,
    "numbers that products multiply; weights and sums are f32. auto is bf16 on AMX, else f32",
    {"auto", "f32", "bf16"});
  f("tensorboard", tensorboard, "write TensorBoard events into the run folder");
}

namespace {

constexpr int64_t kBadStepsAllowed = 10;
constexpr double kRollBackFactor = 0.3;
constexpr const char* kRemedy =
    "\nLower train.lr, set train.clip = 1, or check the data with `elbo describe`.";
constexpr int64_t kExamplesToStartFrom = 10000;
constexpr int64_t kExamplesToCheck = 1000;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

class Trainer {
 public:
  explicit Trainer(TrainContext& context)
      : c_(context),
        model_(*context.trained.model),
        data_(*context.data.train),
        rng_(context.seed, "train"),
        lr_schedule_(schedules().make(context.train.lr_schedule)),
        steps_((data_.size() + c_.train.batch - 1) / c_.train.batch) {
    model_.to(c_.device);
    c_.trained.pipeline->to(at::kCPU);
    progress_.batch = c_.train.batch;
  }

  Ending run(bool resume) {
    remove_leftovers(c_.folder);
    bool starts_fitted = !resume && start();
    EngineOptions options{c_.train.optimizer, c_.train.clip, precision_for(c_.train.precision)};
    engine_ = std::make_unique<Engine>(make_players(c_.objective, c_.trained.model), options);
    by_kernels_ = why_not_kernels(model_).empty();
    if (by_kernels_) peak_ = measure_peak(workers_.team(), options.precision);
    ema_ = std::make_unique<Ema>(model_, c_.train.ema);
    if (resume) load();
    if (!resume) check_stopping();
    if (!c_.device.is_cpu()) {
      device_batches_ = DeviceBatches::try_make(data_, *c_.trained.pipeline, c_.device);
    }
    log_ = std::make_unique<MetricsLog>(c_.folder, resume ? progress_.epoch : -1,
                                        c_.train.tensorboard);
    last_save_ = Clock::now();
    if (starts_fitted) look_at_held_out();
    while (progress_.epoch < c_.train.epochs && !out_of_patience()) {
      if (!run_epoch()) return save(), Ending::stopped;
    }
    ELBO_CHECK(progress_.skipped < progress_.step, Code::diverged,
               "training diverged: not one of {} steps was finite{}", progress_.step, kRemedy);
    save();
    if (!start_rows_.empty() && progress_.best_epoch == 0) {
      note(fmt::format(
          "the start stays the best: by {} on {} no epoch is better by two standard errors",
          c_.train.stop_on, counted(std::ssize(start_rows_), "validation row")));
    }
    if (!out_of_patience()) return Ending::finished;
    note(fmt::format("stopped early: no better {} for {} epochs", c_.train.stop_on,
                     c_.train.patience));
    return Ending::early;
  }

 private:
  /// Whether the model starts as one that is fitted already.
  bool start() {
    std::vector<int64_t> rows = Rng(c_.seed, "train/start").permutation(data_.size());
    int64_t most = rows_at_once(data_.schema(), kExamplesToStartFrom);
    rows.resize(static_cast<size_t>(std::min(data_.size(), most)));
    std::sort(rows.begin(), rows.end());
    Batch batch = prepare(rows, 0);
    check_support(batch, "train");
    if (c_.data.valid) check_split(*c_.data.valid, "valid");
    if (c_.data.test) check_split(*c_.data.test, "test");
    if (c_.keeps_weights) return true;
    Rng rng = rng_.stream("start");
    at::NoGradGuard no_grad;
    return model_.start_from(batch, rng);
  }

  void check_split(const Dataset& data, const char* split) const {
    TransformNoise noise = TransformNoise::for_evaluation();
    for_each_batch(data, rows_at_once(data.schema(), kExamplesToCheck), [&](Batch batch) {
      check_support(c_.trained.pipeline->apply(std::move(batch), noise).to(c_.device), split);
    });
  }

  void check_support(const Batch& batch, const char* split) const {
    try {
      model_.check_support(batch);
    } catch (const Error& e) {
      throw Error(e.code(), fmt::format("{} rows: ", split) + e.message() +
                                "\nChoose a model.likelihood that allows it, or a "
                                "data.transform that brings the data there.");
    }
  }

  /// A name that is no term should not cost an epoch before it is found out.
  void check_stopping() {
    ELBO_CHECK(c_.data.valid || c_.train.patience == 0, Code::usage,
               "train.patience: nothing to watch, no rows are held out for validation\nSet "
               "data.valid, or train.patience = 0.");
    if (!c_.data.valid || c_.train.stop_on == "neg_elbo") return;
    model_.eval();
    watched_term(c_.held_out(model_, *c_.trained.pipeline, *subset(c_.data.valid, {0})).terms);
  }

  TransformNoise noise(int64_t epoch) const { return TransformNoise::for_training(c_.seed, epoch); }
  Batch prepare(std::span<const int64_t> rows, int64_t epoch) const {
    return c_.trained.pipeline->apply(data_.get_stored(rows), noise(epoch)).to(c_.device);
  }

  /// False when the stop flag rose.
  bool run_epoch() {
    std::vector<int64_t> order =
        Rng(c_.seed, "train/shuffle", static_cast<uint64_t>(progress_.epoch))
            .permutation(data_.size());
    if (progress_.step_in_epoch == 0) progress_.sums.clear();
    take_snapshot();
    model_.train();
    bool goes_on = run_steps(order);
    if (goes_on) finish_epoch();
    return goes_on;
  }

  bool run_steps(const std::vector<int64_t>& order) {
    WithWorkers guard(workers_, /*one_libtorch_thread=*/by_kernels_);
    auto started = Clock::now();
    double before = progress_.epoch_seconds;
    operations_ = 0;
    while (progress_.step_in_epoch < steps_) {
      run_step(order);
      if (progress_.step_in_epoch == steps_) check_weights();
      progress_.epoch_seconds = before + seconds_since(started);
      operation_seconds_ = seconds_since(started);
      if (c_.stop && c_.stop->load()) return false;
      if (seconds_since(last_save_) >= c_.train.checkpoint_seconds) save();
    }
    return true;
  }

  void run_step(const std::vector<int64_t>& order) {
    int64_t begin = progress_.step_in_epoch * c_.train.batch;
    int64_t end = std::min(begin + c_.train.batch, data_.size());
    std::span<const int64_t> rows(order.data() + begin, static_cast<size_t>(end - begin));
    Batch batch = device_batches_ ? device_batches_->get(order, begin, end, noise(progress_.epoch))
                                  : prepare(rows, progress_.epoch);
    if (progress_.epoch == 0) check_support(batch, "train");  // the first look at all rows
    Time time{progress_.step,
              static_cast<double>(progress_.epoch) +
                  static_cast<double>(progress_.step_in_epoch) / static_cast<double>(steps_),
              static_cast<double>(c_.train.epochs)};
    Rng rng = rng_.at(static_cast<uint64_t>(progress_.step));
    double lr = c_.train.lr * lr_schedule_(time) * progress_.lr_factor;
    Moved moved;
    if (ema_->is_on()) {
      ema_->begin(progress_.step + 1);
      moved = [this](size_t p, int64_t offset, int64_t n) { ema_->follow(p, offset, n); };
    }
    const StepResult& result = engine_->step(batch, rng, time, lr, moved);
    ++progress_.step;
    operations_ += result.operations;
    if (!result.finite) return after_bad_step(result);
    ++progress_.step_in_epoch;
    progress_.bad_in_a_row = 0;
    ema_->finish();
    progress_.sums.add(result.names, result.means, end - begin);
    if (c_.listener) {
      c_.listener->on_step(progress_.epoch + 1, progress_.step_in_epoch, steps_,
                           [this] { return progress_.sums.means(); });
    }
  }

  void after_bad_step(const StepResult& result) {
    ++progress_.step_in_epoch;
    ++progress_.skipped;
    if (++progress_.bad_in_a_row == 1) {
      note(fmt::format("step {} skipped: {} is not finite", progress_.step, result.broken));
    }
    if (progress_.bad_in_a_row < kBadStepsAllowed) return;
    recover(fmt::format("{} is not finite, {} steps in a row", result.broken, kBadStepsAllowed));
  }

  /// A finite loss can still throw weights out of range, which the next step would find.
  void check_weights() {
    std::string broken = first_non_finite(state_of(model_));
    if (!broken.empty()) recover(fmt::format("the weight of model {} is not finite", broken));
  }

  /// Goes back to the snapshot once; throws Error(Code::diverged) the second time.
  void recover(const std::string& what) {
    ELBO_CHECK(!progress_.rolled_back, Code::diverged, "training diverged in epoch {}: {}{}",
               progress_.epoch + 1, what, kRemedy);
    note(fmt::format("{}: back to the epoch's start with the learning rate times {}", what,
                     kRollBackFactor));
    assign(state_of(model_), snapshot_model_, "roll-back");
    assign(engine_->state(), snapshot_engine_, "roll-back");
    if (ema_->is_on()) assign(ema_->shadow(), snapshot_ema_, "roll-back");
    progress_.step_in_epoch = snapshot_step_;
    progress_.sums = snapshot_sums_;
    progress_.bad_in_a_row = 0;
    progress_.rolled_back = true;
    progress_.lr_factor *= kRollBackFactor;
  }

  void take_snapshot() {
    snapshot_model_ = copy_of(state_of(model_));
    snapshot_engine_ = copy_of(engine_->state());
    snapshot_ema_ = copy_of(ema_->shadow());
    snapshot_step_ = progress_.step_in_epoch;
    snapshot_sums_ = progress_.sums;
  }

  void finish_epoch() {
    ++progress_.epoch;
    progress_.step_in_epoch = 0;
    EpochRecord record{progress_.epoch, "train", progress_.epoch_seconds, 0,
                       progress_.sums.means()};
    record.examples_per_second =
        static_cast<double>(data_.size()) / std::max(progress_.epoch_seconds, 1e-9);
    if (peak_ > 0) record.share_of_peak = operations_ / std::max(operation_seconds_, 1e-9) / peak_;
    record.terms["lr_factor"] = progress_.lr_factor;
    record.terms["skipped_steps"] = static_cast<double>(progress_.skipped);
    progress_.epoch_seconds = 0;
    log(record);
    look_at_held_out();
  }

  void look_at_held_out() {
    const Dataset* held_out = c_.data.valid ? c_.data.valid.get() : c_.data.test.get();
    WithAveragedWeights averaged(model_, *ema_);
    // Without a validation split nothing may choose: the last epoch counts as the best.
    bool is_best = !c_.data.valid;
    if (held_out) {
      auto started = Clock::now();
      model_.eval();
      HeldOut found = c_.held_out(model_, *c_.trained.pipeline, *held_out);
      EpochRecord record{progress_.epoch, c_.data.valid ? "valid" : "test", 0, 0, found.terms};
      record.seconds = seconds_since(started);
      record.examples_per_second =
          static_cast<double>(held_out->size()) / std::max(record.seconds, 1e-9);
      log(record);
      if (c_.data.valid) is_best = is_improvement(found);
    }
    if (!is_best) return;
    progress_.best_epoch = progress_.epoch;
    best_weights_ = copy_of(state_of(model_));
  }

  bool is_improvement(const HeldOut& found) {
    double watched = watched_term(found.terms);
    if (!std::isfinite(watched) || (progress_.best && watched >= *progress_.best)) return false;
    auto rows = found.rows.find(c_.train.stop_on);
    if (progress_.epoch == 0 && rows != found.rows.end()) start_rows_ = rows->second;
    if (progress_.epoch > 0 && !start_rows_.empty() && !is_clear_gain(rows->second)) return false;
    progress_.best = watched;
    return true;
  }

  /// Whether rows are better than those of the start by two standard errors of the mean gain.
  bool is_clear_gain(const std::vector<double>& rows) const {
    const auto n = static_cast<double>(rows.size());
    double sum = 0, squares = 0;
    for (size_t i = 0; i < rows.size(); ++i) {
      double gain = start_rows_[i] - rows[i];
      sum += gain;
      squares += gain * gain;
    }
    double mean = sum / n,
           variance = std::max(0.0, squares - n * mean * mean) / std::max(1.0, n - 1);
    return mean > 2 * std::sqrt(variance / n);
  }

  double watched_term(const std::map<std::string, double>& terms) const {
    const std::string& name = c_.train.stop_on;
    std::vector<std::string> names;
    for (const auto& [known, value] : terms) names.push_back(known);
    ELBO_CHECK(terms.count(name), Code::usage, "train.stop_on: no term '{}'{}", name,
               suggestion(name, names));
    return terms.at(name);
  }

  bool out_of_patience() const {
    return c_.train.patience > 0 && progress_.best &&
           progress_.epoch - progress_.best_epoch >= c_.train.patience;
  }

  void note(const std::string& text) {
    if (c_.listener) c_.listener->on_note(text);
  }

  void log(const EpochRecord& record) {
    log_->add(record);
    if (c_.listener) c_.listener->on_epoch(record);
  }

  /// best/ first, then last/: whatever a kill leaves, last/ can be resumed. Weights that cannot be
  /// loaded again never take the place of those that can.
  void save() {
    std::string broken = first_non_finite(state_of(model_));
    if (!broken.empty()) {
      last_save_ = Clock::now();  // to look at the weights again at every step would be slow
      return note(fmt::format("nothing is saved: the weight of model {} is not finite", broken));
    }
    if (!best_weights_.empty()) {
      NamedTensors live = copy_of(state_of(model_));
      assign(state_of(model_), best_weights_, "best");
      c_.trained.metrics = Value::table();
      c_.trained.metrics["epoch"] = progress_.best_epoch;
      if (progress_.best) c_.trained.metrics[c_.train.stop_on] = *progress_.best;
      replace_folder(c_.folder / "best", [&](const Path& p) { write_model(p, c_.trained); });
      assign(state_of(model_), live, "last");
    }
    c_.trained.metrics = Value::table();
    c_.trained.metrics["epoch"] = progress_.epoch;
    write_checkpoint(c_.folder / "last", c_.trained,
                     {progress_, engine_->state(), ema_->shadow(), best_weights_, start_rows_},
                     c_.seed);
    last_save_ = Clock::now();
  }

  void load() {
    Path last = c_.folder / "last";
    TrainedModel saved = read_model(last);
    ELBO_CHECK(write_options(saved.options) == write_options(c_.trained.options), Code::usage,
               "{}: the checkpoint's model has other options than the run's configuration\nRestore "
               "config.toml as it was, or train anew.",
               (last / "model.json").string());
    std::string model = (last / "model.json").string(), state = (last / "state.json").string();
    assign(state_of(model_), state_of(*saved.model), model);
    assign(state_of(*c_.trained.pipeline), state_of(*saved.pipeline), model);
    Checkpoint checkpoint = read_checkpoint(last, c_.seed);
    assign(engine_->state(), checkpoint.engine, state);
    assign(ema_->shadow(), checkpoint.ema, state);
    progress_ = checkpoint.progress;
    start_rows_ = checkpoint.start_rows;
    ELBO_CHECK(progress_.step_in_epoch == 0 || progress_.batch == c_.train.batch, Code::usage,
               "train.batch is {}, but the checkpoint was written in the midst of an epoch by "
               "batches of {}\nRestore config.toml as it was, or train anew.",
               c_.train.batch, progress_.batch);
    progress_.batch = c_.train.batch;
    if (checkpoint.best.empty()) return;
    best_weights_ = copy_of(state_of(model_));
    assign(best_weights_, checkpoint.best, state);
  }

  TrainContext& c_;
  Model& model_;
  const Dataset& data_;
  Rng rng_;
  Schedule lr_schedule_;
  int64_t steps_;
  Workers workers_{at::get_num_threads()};
  bool by_kernels_ = false;  // whether kernels run all networks
  double peak_ = 0;          // operations a second that the workers could do; 0: not known
  Progress progress_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<DeviceBatches> device_batches_;  // null where batches are made on the CPU
  std::unique_ptr<Ema> ema_;
  NamedTensors best_weights_, snapshot_model_, snapshot_engine_, snapshot_ema_;
  std::vector<double> start_rows_;  // of the fitted model it started as; empty without one
  int64_t snapshot_step_ = 0;
  TermSums snapshot_sums_;
  std::unique_ptr<MetricsLog> log_;
  Clock::time_point last_save_;
  double operations_ = 0, operation_seconds_ = 0;  // of the epoch, since it began or was resumed
};

}  // namespace

Ending train(TrainContext& context, bool resume) { return Trainer(context).run(resume); }

}  // namespace elbo
