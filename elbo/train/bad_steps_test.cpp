// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <thread>

#include "elbo/tensor/testing.h"
#include "elbo/train/checkpoint.h"
#include "elbo/train/testing.h"
#include "elbo/train/weights.h"

namespace elbo {
namespace {

using namespace elbo::testing;

class BadSteps : public FolderTest {
 protected:
  /// Trains with the batches spoilt for which is_bad(number) holds; 0 is the look at the support,
  /// 1 the first step.
  Ending train_with(TrainContext& context, std::function<bool(int64_t)> is_bad) {
    context.data.train = std::make_shared<FaultyDataset>(context.data.train, std::move(is_bad));
    watch(context, recorder);
    return train(context, false);
  }
  Recorder recorder;
};

TEST_F(BadSteps, AreSkippedAndCountedAndLeaveNoTrace) {
  TrainContext context = small_run(folder, small_options(), small_network(0, "batch"));
  EXPECT_EQ(train_with(context, [](int64_t call) { return call == 2 || call == 8; }),
            Ending::finished);
  EXPECT_EQ(recorder.notes.size(), 2u);
  EXPECT_TRUE(recorder.notes.at(0).starts_with("step 2 skipped: the gradient of model "))
      << recorder.notes[0];
  EXPECT_EQ(recorder.records.back().epoch, 3);
  EXPECT_EQ(recorder.records[4].terms.at("skipped_steps"), 2);
  EXPECT_EQ(recorder.records[4].terms.at("lr_factor"), 1);
  // Running statistics too: a model with NaN in them would be refused.
  EXPECT_NO_THROW(read_model(folder / "last"));
}

TEST_F(BadSteps, MoveNothing) {
  TrainOptions options = small_options();
  options.epochs = 1;
  options.batch = 1000;
  TrainContext context = small_run(folder, options, small_network(0, "batch"));
  error_of([&] { train_with(context, [](int64_t call) { return call == 1; }); });
  TrainContext untrained = small_run(folder / "untrained", options, small_network(0, "batch"));
  std::map<std::string, Tensor> start;
  for (auto& [name, t] : state_of(*untrained.trained.model)) start[name] = t.clone();
  for (auto& [name, t] : state_of(*context.trained.model)) {
    if (name == "decoder.output.bias") continue;  // starts from the data
    EXPECT_TRUE(at::equal(t, start.at(name))) << name;
  }
}

TEST_F(BadSteps, TenInARowGoBackOnceWithALowerRate) {
  TrainContext context = small_run(folder, small_options());
  EXPECT_EQ(train_with(context, [](int64_t call) { return call >= 3 && call < 13; }),
            Ending::finished);
  ASSERT_EQ(recorder.notes.size(), 2u);
  EXPECT_NE(recorder.notes[1].find("10 steps in a row: back to the epoch's start with the learning "
                                   "rate times 0.3"),
            std::string::npos)
      << recorder.notes[1];
  EXPECT_EQ(recorder.records.back().epoch, 3);
  EXPECT_DOUBLE_EQ(recorder.records[4].terms.at("lr_factor"), 0.3);
}

// What is left of a run that went back and made one step is what one step of a new run makes at the
// lower rate. A point posterior draws nothing, and so does not know which step it is.
TEST_F(BadSteps, GoBackWithOptimizerAndRunningMeanAndAllWeights) {
  TrainOptions options = small_options();
  options.batch = 8;  // 19 steps
  options.ema = 0.15;
  auto run = [&](const Path& where, int64_t steps, std::function<bool(int64_t)> is_bad) {
    TrainContext context = small_run(where, options);
    context.trained.options.posterior = "point";
    Rng rng(3, "model/init");
    context.trained.model = make_model(context.trained.options, context.trained.schema, rng);
    context.data.train = std::make_shared<FaultyDataset>(context.data.train, std::move(is_bad));
    Recorder own;
    own.stop_after = steps;
    watch(context, own);
    EXPECT_EQ(train(context, false), Ending::stopped);
    NamedTensors out = copy_of(state_of(*context.trained.model));
    Checkpoint last = read_checkpoint(where / "last", 3);
    out.insert(out.end(), last.engine.begin(), last.engine.end());
    out.insert(out.end(), last.ema.begin(), last.ema.end());
    EXPECT_EQ(last.progress.step_in_epoch, 1);
    return out;
  };
  NamedTensors back = run(folder / "back", 6, [](int64_t call) { return call > 5 && call < 16; });
  options.lr *= 0.3;
  NamedTensors anew = run(folder / "anew", 1, [](int64_t) { return false; });
  ASSERT_EQ(back.size(), anew.size());
  for (size_t i = 0; i < back.size(); ++i) {
    EXPECT_TRUE(at::equal(back[i].second, anew[i].second)) << back[i].first;
  }
}

TEST_F(BadSteps, NineInARowDoNot) {
  TrainContext context = small_run(folder, small_options());
  train_with(context, [](int64_t call) { return call >= 3 && call < 12; });
  EXPECT_EQ(recorder.records[4].terms.at("lr_factor"), 1);
  EXPECT_EQ(recorder.records[4].terms.at("skipped_steps"), 9);
}

TEST_F(BadSteps, TwentyInARowEndTheRunNamingWhatBroke) {
  TrainOptions options = small_options();
  options.epochs = 10;
  TrainContext context = small_run(folder, options);
  std::string error =
      error_of([&] { train_with(context, [](int64_t call) { return call >= 3; }); });
  EXPECT_TRUE(error.starts_with("diverged: training diverged in epoch ")) << error;
  EXPECT_NE(error.find("the gradient of model "), std::string::npos) << error;
  EXPECT_NE(error.find("Lower train.lr"), std::string::npos) << error;
}

TEST_F(BadSteps, ARunWithoutOneGoodStepIsNoSuccess) {
  TrainOptions options = small_options();
  options.epochs = 1;  // five steps: too few to roll back
  TrainContext context = small_run(folder, options);
  std::string error =
      error_of([&] { train_with(context, [](int64_t call) { return call >= 1; }); });
  EXPECT_TRUE(error.starts_with("diverged: training diverged: not one of 5 steps was finite"))
      << error;
  EXPECT_FALSE(std::filesystem::exists(folder / "best"));
}

/// The first step of such a run throws the weights out of range.
TrainOptions out_of_range() {
  TrainOptions out = small_options();
  out.optimizer = part_with("rmsprop", "alpha", 0.99);  // its first step is ten times lr
  out.lr = 3e38;
  return out;
}

TEST_F(BadSteps, WeightsThrownOutOfRangeAreFoundAndNeverSaved) {
  TrainOptions options = out_of_range();
  options.batch = 1000;  // one step an epoch: nothing but the look at the weights can find it
  options.checkpoint_seconds = 0;
  TrainContext context = small_run(folder, options);
  watch(context, recorder);
  std::string error = error_of([&] { train(context, false); });
  EXPECT_TRUE(error.starts_with("diverged: training diverged in epoch 1: the weight of model "))
      << error;
  EXPECT_NO_THROW(read_model(folder / "last"));
}

int64_t refusals_to_save(const Recorder& recorder) {
  return std::count_if(recorder.notes.begin(), recorder.notes.end(), [](const std::string& note) {
    return note.starts_with("nothing is saved: the weight of model ");
  });
}

TEST_F(BadSteps, AStopSaysWhereNothingIsSaved) {
  TrainContext context = small_run(folder, out_of_range());
  watch(context, recorder);
  recorder.stop_after = 1;
  EXPECT_EQ(train(context, false), Ending::stopped);
  EXPECT_EQ(refusals_to_save(recorder), 1);
  EXPECT_FALSE(std::filesystem::exists(folder / "last"));
}

/// Sleeps in the first step of each epoch.
struct SlowStarter : Recorder {
  explicit SlowStarter(double s) : seconds(s) {}
  void on_step(int64_t, int64_t step, int64_t,
               const std::function<std::map<std::string, double>()>&) override {
    if (step == 1) std::this_thread::sleep_for(seconds);
  }
  std::chrono::duration<double> seconds;
};

TEST_F(BadSteps, ARefusalToSaveStandsUntilTheNextCheckpointIsDue) {
  TrainOptions options = out_of_range();
  options.batch = 8;  // 19 steps
  options.checkpoint_seconds = 0.05;
  TrainContext context = small_run(folder, options);
  SlowStarter slow(options.checkpoint_seconds);
  watch(context, slow);
  auto started = std::chrono::steady_clock::now();
  EXPECT_NE(error_of([&] { train(context, false); }), "");
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  EXPECT_GE(refusals_to_save(slow), 1);
  EXPECT_LE(refusals_to_save(slow), took / slow.seconds);
}

TEST_F(BadSteps, ARollBackKeepsTheSumsOfThePartAlreadyDone) {
  TrainOptions options = small_options();
  options.epochs = 1;
  options.batch = 8;  // 19 steps
  TrainContext context = small_run(folder, options);
  recorder.stop_after = 6;
  train_with(context, [](int64_t) { return false; });
  TrainContext again = small_run(folder, options);
  Recorder second;
  watch(again, second);
  again.data.train = std::make_shared<FaultyDataset>(
      again.data.train, [](int64_t call) { return call >= 2 && call < 12; });
  EXPECT_EQ(train(again, true), Ending::finished);
  // Each row is in them once, whatever was done again.
  Value sums = read_checkpoint(folder / "last", 3).progress.sums.to_value();
  EXPECT_EQ(sums.at("examples").as_integer(), 150);
}

}  // namespace
}  // namespace elbo
