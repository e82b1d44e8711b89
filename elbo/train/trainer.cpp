// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/trainer.h"

#include <algorithm>
#include <chrono>
#include <cmath>

#include "elbo/io/tensorboard.h"
#include "elbo/train/progress.h"

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
  f("engine", engine, "how steps are made", {"auto", "autograd"});
  f("precision", precision, "numbers in matrix products", {"auto", "f32"});
  f("tensorboard", tensorboard, "write TensorBoard events into the run folder");
}

Value EpochRecord::to_value() const {
  Value out = Value::table();
  out["epoch"] = epoch;
  out["split"] = split;
  out["epoch_seconds"] = seconds;
  out["examples_per_second"] = examples_per_second;
  for (const auto& [name, value] : terms) out[name] = value;
  return out;
}

namespace {

constexpr int64_t kBadStepsAllowed = 10;
constexpr double kRollBackFactor = 0.3;
constexpr int64_t kExamplesToStartFrom = 10000;

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

NamedTensors copy_of(const NamedTensors& tensors) {
  NamedTensors out;
  for (const auto& [name, t] : tensors) out.emplace_back(name, t.detach().clone());
  return out;
}

/// Copies tensor by tensor; both sides list the same names in the same order.
void assign(const NamedTensors& to, const NamedTensors& from, const std::string& where) {
  at::NoGradGuard no_grad;
  ELBO_CHECK(to.size() == from.size(), Code::model, "{}: {} tensors, {} expected", where,
             from.size(), to.size());
  std::map<std::string, Tensor> given(from.begin(), from.end());
  for (const auto& [name, target] : to) {
    auto it = given.find(name);
    bool fits = it != given.end() && it->second.sizes() == target.sizes() &&
                it->second.scalar_type() == target.scalar_type();
    ELBO_CHECK(fits, Code::model, "{}: the tensor '{}' is missing or does not fit", where, name);
    Tensor(target).copy_(it->second);
  }
}

/// The running mean of the weights; empty when it is off.
class Ema {
 public:
  Ema(const Model& model, double decay) : decay_(decay) {
    if (decay > 0) shadow_ = copy_of(state_of(model));
  }
  bool is_on() const { return decay_ > 0; }
  const NamedTensors& shadow() const { return shadow_; }
  void update(const Model& model) {
    if (!is_on()) return;
    at::NoGradGuard no_grad;
    NamedTensors live = state_of(model);
    for (size_t i = 0; i < live.size(); ++i) {
      if (live[i].second.is_floating_point()) {
        shadow_[i].second.lerp_(live[i].second, 1 - decay_);
      } else {
        shadow_[i].second.copy_(live[i].second);
      }
    }
  }

 private:
  double decay_;
  NamedTensors shadow_;
};

/// Puts the averaged weights into the model for as long as it lives.
class WithAveragedWeights {
 public:
  WithAveragedWeights(Model& model, const Ema& ema) : model_(model), is_on_(ema.is_on()) {
    if (!is_on_) return;
    live_ = copy_of(state_of(model));
    assign(state_of(model), ema.shadow(), "ema");
  }
  ~WithAveragedWeights() {
    if (is_on_) assign(state_of(model_), live_, "ema");
  }
  WithAveragedWeights(const WithAveragedWeights&) = delete;
  WithAveragedWeights& operator=(const WithAveragedWeights&) = delete;

 private:
  Model& model_;
  bool is_on_;
  NamedTensors live_;
};

class Trainer {
 public:
  explicit Trainer(TrainContext& context)
      : c_(context), model_(*context.trained.model), data_(*context.data.train),
        rng_(context.seed, "train"), lr_schedule_(schedules().make(context.train.lr_schedule)),
        steps_((data_.size() + c_.train.batch - 1) / c_.train.batch) {
    model_.to(c_.device);
    c_.trained.pipeline->to(at::kCPU);
  }

  Ending run(bool resume) {
    if (!resume) start();
    engine_ = make_autograd_engine(make_players(c_.objective, c_.trained.model),
                                   {c_.train.optimizer, c_.train.clip});
    ema_ = std::make_unique<Ema>(model_, c_.train.ema);
    if (resume) load();
    open_logs();
    last_save_ = Clock::now();
    while (progress_.epoch < c_.train.epochs) {
      if (!run_epoch()) return save(), Ending::stopped;
      if (out_of_patience()) {
        note(fmt::format("stopped early: no better {} for {} epochs", c_.train.stop_on,
                         c_.train.patience));
        return save(), Ending::early;
      }
    }
    save();
    return Ending::finished;
  }

 private:
  void start() {
    std::vector<int64_t> rows = Rng(c_.seed, "train/start").permutation(data_.size());
    rows.resize(static_cast<size_t>(std::min<int64_t>(data_.size(), kExamplesToStartFrom)));
    std::sort(rows.begin(), rows.end());
    Batch batch = prepare(rows, 0);
    model_.check_support(batch);
    Rng rng = rng_.stream("start");
    at::NoGradGuard no_grad;
    model_.start_from(batch, rng);
  }

  Batch prepare(std::span<const int64_t> rows, int64_t epoch) const {
    TransformNoise noise = TransformNoise::for_training(c_.seed, epoch);
    return c_.trained.pipeline->apply(data_.get(rows), noise).to(c_.device);
  }

  /// False when the stop flag rose.
  bool run_epoch() {
    std::vector<int64_t> order =
        Rng(c_.seed, "train/shuffle", static_cast<uint64_t>(progress_.epoch)).permutation(data_.size());
    if (progress_.step_in_epoch == 0) progress_.sums.clear();
    take_snapshot();
    model_.train();
    auto started = Clock::now();
    double before = progress_.epoch_seconds;
    while (progress_.step_in_epoch < steps_) {
      run_step(order);
      progress_.epoch_seconds = before + seconds_since(started);
      if (c_.stop && c_.stop->load()) return false;
      if (seconds_since(last_save_) >= c_.train.checkpoint_seconds) save();
    }
    finish_epoch();
    return true;
  }

  void run_step(const std::vector<int64_t>& order) {
    int64_t begin = progress_.step_in_epoch * c_.train.batch;
    int64_t end = std::min(begin + c_.train.batch, data_.size());
    std::span<const int64_t> rows(order.data() + begin, static_cast<size_t>(end - begin));
    Batch batch = prepare(rows, progress_.epoch);
    Time time{progress_.step,
              static_cast<double>(progress_.epoch) +
                  static_cast<double>(progress_.step_in_epoch) / static_cast<double>(steps_),
              static_cast<double>(c_.train.epochs)};
    Rng rng = rng_.at(static_cast<uint64_t>(progress_.step));
    double lr = c_.train.lr * lr_schedule_(time) * progress_.lr_factor;
    StepResult result = engine_->step(batch, rng, time, lr);
    ++progress_.step;
    if (!result.finite) return after_bad_step(result);
    ++progress_.step_in_epoch;
    progress_.bad_in_a_row = 0;
    ema_->update(model_);
    progress_.sums.add(result.terms, end - begin);
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
    ELBO_CHECK(!progress_.rolled_back, Code::diverged,
               "training diverged in epoch {}: {} is not finite, {} steps in a row\nLower train.lr, "
               "set train.clip = 1, or check the data with `elbo describe`.",
               progress_.epoch + 1, result.broken, kBadStepsAllowed);
    note(fmt::format("{} non-finite steps in a row: back to the epoch's start with the learning "
                     "rate times {}",
                     kBadStepsAllowed, kRollBackFactor));
    assign(state_of(model_), snapshot_model_, "roll-back");
    assign(engine_->state(), snapshot_engine_, "roll-back");
    if (ema_->is_on()) assign(ema_->shadow(), snapshot_ema_, "roll-back");
    progress_.step_in_epoch = snapshot_step_;
    progress_.sums.clear();
    progress_.bad_in_a_row = 0;
    progress_.rolled_back = true;
    progress_.lr_factor *= kRollBackFactor;
  }

  void take_snapshot() {
    snapshot_model_ = copy_of(state_of(model_));
    snapshot_engine_ = copy_of(engine_->state());
    snapshot_ema_ = copy_of(ema_->shadow());
    snapshot_step_ = progress_.step_in_epoch;
  }

  void finish_epoch() {
    ++progress_.epoch;
    progress_.step_in_epoch = 0;
    EpochRecord record{progress_.epoch, "train", progress_.epoch_seconds, 0, progress_.sums.means()};
    record.examples_per_second =
        static_cast<double>(data_.size()) / std::max(progress_.epoch_seconds, 1e-9);
    record.terms["lr_factor"] = progress_.lr_factor;
    record.terms["skipped_steps"] = static_cast<double>(progress_.skipped);
    progress_.epoch_seconds = 0;
    log(record);
    look_at_held_out();
  }

  void look_at_held_out() {
    const Dataset* held_out = c_.data.valid ? c_.data.valid.get() : c_.data.test.get();
    WithAveragedWeights averaged(model_, *ema_);
    std::optional<double> watched;
    if (held_out && held_out->size() > 0) {
      auto started = Clock::now();
      model_.eval();
      EpochRecord record{progress_.epoch, c_.data.valid ? "valid" : "test", 0, 0,
                         c_.held_out(model_, *c_.trained.pipeline, *held_out)};
      record.seconds = seconds_since(started);
      record.examples_per_second =
          static_cast<double>(held_out->size()) / std::max(record.seconds, 1e-9);
      log(record);
      if (c_.data.valid) watched = watched_term(record.terms);
    }
    // Without a validation split nothing may choose: the last epoch counts as the best.
    bool is_best = !watched || !progress_.best || *watched < *progress_.best;
    if (!is_best) return;
    progress_.best = watched;
    progress_.best_epoch = progress_.epoch;
    best_weights_ = copy_of(state_of(model_));
  }

  std::optional<double> watched_term(const std::map<std::string, double>& terms) const {
    auto it = terms.find(c_.train.stop_on);
    if (it == terms.end()) it = terms.find("recon");  // an autoencoder has no neg_elbo
    if (it == terms.end() || c_.train.stop_on != "neg_elbo") {
      std::vector<std::string> names;
      for (const auto& [name, value] : terms) names.push_back(name);
      ELBO_CHECK(terms.count(c_.train.stop_on), Code::usage, "train.stop_on: no term '{}'{}",
                 c_.train.stop_on, suggestion(c_.train.stop_on, names));
    }
    return std::isfinite(it->second) ? std::optional(it->second) : std::nullopt;
  }

  bool out_of_patience() const {
    return c_.train.patience > 0 && progress_.best &&
           progress_.epoch - progress_.best_epoch >= c_.train.patience;
  }

  void note(const std::string& text) {
    if (c_.listener) c_.listener->on_note(text);
  }

  void log(const EpochRecord& record) {
    metrics_->line(to_json(record.to_value()));
    if (events_) {
      for (const auto& [name, value] : record.terms) {
        events_->scalar(record.split + "/" + name, value, record.epoch);
      }
    }
    if (c_.listener) c_.listener->on_epoch(record);
  }

  /// Lines of epochs that a resumed run will do again are dropped.
  void open_logs() {
    Path path = c_.folder / "metrics.jsonl";
    if (std::filesystem::exists(path)) {
      std::string kept;
      std::string text = read_text(path);
      for (size_t begin = 0; begin < text.size();) {
        size_t end = std::min(text.find('\n', begin), text.size());
        std::string line = text.substr(begin, end - begin);
        begin = end + 1;
        if (end == text.size()) break;  // a line cut short by a kill
        Value value = parse_json(line, path.string());
        if (value.at("epoch").as_integer() <= progress_.epoch) kept += line + "\n";
      }
      write_file(path, kept);
    }
    metrics_ = std::make_unique<LineWriter>(path);
    if (c_.train.tensorboard) events_ = std::make_unique<TensorBoardWriter>(c_.folder);
  }

  /// best/ first, then last/: whatever a kill leaves, last/ can be resumed.
  void save() {
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
    Value state;
    state["format"] = "elbo training state";
    state["version"] = 1;
    state["seed"] = static_cast<int64_t>(c_.seed);
    state["progress"] = progress_.to_value();
    NamedTensors tensors = engine_->state();
    for (const auto& [name, t] : ema_->shadow()) tensors.emplace_back("ema." + name, t);
    for (const auto& [name, t] : best_weights_) tensors.emplace_back("best." + name, t);
    replace_folder(c_.folder / "last", [&](const Path& p) {
      write_model(p, c_.trained);
      write_sealed(p, "state", state, tensors);
    });
    last_save_ = Clock::now();
  }

  void load() {
    Path last = c_.folder / "last";
    std::string where = (last / "state.json").string();
    TrainedModel saved = read_model(last);
    assign(state_of(model_), state_of(*saved.model), where);
    assign(state_of(*c_.trained.pipeline), state_of(*saved.pipeline), where);
    Sealed state = read_sealed(last, "state");
    try {
      ELBO_CHECK(state.description.at("seed").as_integer() == static_cast<int64_t>(c_.seed),
                 Code::model, "made with another seed");
      progress_ = Progress::from_value(state.description.at("progress"));
    } catch (const Error& e) {
      fail(Code::model, "{}: {}", where, e.message());
    }
    NamedTensors own, ema;
    for (auto& [name, t] : state.tensors) {
      if (name.starts_with("ema.")) {
        ema.emplace_back(name.substr(4), t);
      } else if (name.starts_with("best.")) {
        best_weights_.emplace_back(name.substr(5), t);
      } else {
        own.emplace_back(name, t);
      }
    }
    assign(engine_->state(), own, where);
    assign(ema_->shadow(), ema, where);
  }

  TrainContext& c_;
  Model& model_;
  const Dataset& data_;
  Rng rng_;
  Schedule lr_schedule_;
  int64_t steps_;
  Progress progress_;
  std::unique_ptr<Engine> engine_;
  std::unique_ptr<Ema> ema_;
  NamedTensors best_weights_, snapshot_model_, snapshot_engine_, snapshot_ema_;
  int64_t snapshot_step_ = 0;
  std::unique_ptr<LineWriter> metrics_;
  std::unique_ptr<TensorBoardWriter> events_;
  Clock::time_point last_save_;
};

}  // namespace

Ending train(TrainContext& context, bool resume) { return Trainer(context).run(resume); }

}  // namespace elbo
