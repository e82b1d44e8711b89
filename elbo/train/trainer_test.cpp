// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/trainer.h"

#include "elbo/tensor/testing.h"
#include "elbo/train/checkpoint.h"
#include "elbo/train/ema.h"
#include "elbo/train/testing.h"
#include "elbo/train/weights.h"

namespace elbo {
namespace {

using namespace elbo::testing;

class TrainerTest : public FolderTest {
 protected:
  /// Trains and returns the weights at the end of each epoch, as the held-out look sees them.
  std::vector<NamedTensors> weights_by_epoch(const char* name, const TrainOptions& options) {
    std::vector<NamedTensors> out;
    TrainContext context = small_run(folder / name, options);
    context.held_out = [&](Model& model, const Pipeline& pipeline, const Dataset& data) {
      out.push_back(copy_of(state_of(model)));
      return pass_terms(model, pipeline, data);
    };
    train(context, false);
    return out;
  }
};

bool equal(const NamedTensors& a, const NamedTensors& b) {
  bool same = a.size() == b.size();
  for (size_t i = 0; same && i < a.size(); ++i) {
    same = a[i].first == b[i].first && at::equal(a[i].second, b[i].second);
  }
  return same;
}

TEST_F(TrainerTest, LossFallsAndEveryFileOfARunIsWritten) {
  TrainOptions options = small_options();
  options.epochs = 12;
  options.tensorboard = true;
  TrainContext context = small_run(folder, options);
  Recorder recorder;
  watch(context, recorder);
  EXPECT_EQ(train(context, false), Ending::finished);
  ASSERT_EQ(recorder.records.size(), 24u);
  EXPECT_EQ(recorder.steps, 12 * 5);  // 150 rows, 32 at a time
  const auto& first = recorder.records[1];
  const auto& last = recorder.records[23];
  EXPECT_EQ(last.split, "valid");
  EXPECT_LT(last.terms.at("neg_elbo"), first.terms.at("neg_elbo") - 1);
  EXPECT_EQ(timeless_metrics(folder).size(), 24u);
  EXPECT_NO_THROW(read_model(folder / "best"));
  EXPECT_EQ(read_checkpoint(folder / "last", 3).progress.epoch, 12);
  EXPECT_TRUE(recorder.notes.empty());
}

TEST(Ema, IsTheDecayedMeanOfWhatItSaw) {
  auto module = small_run(std::filesystem::temp_directory_path(), small_options()).trained.model;
  Ema ema(*module, 0.7);
  NamedTensors by_hand = copy_of(state_of(*module));
  Rng rng(1);
  at::NoGradGuard no_grad;
  for (int step = 1; step <= 50; ++step) {
    for (auto& [name, t] : state_of(*module)) t.add_(normal(rng, t.sizes()));
    ema.begin(step);
    if (step % 2) ema.follow(0, 0, module->parameters()[0].numel());
    ema.finish();
    double decay = std::min(0.7, (1.0 + step) / (10 + step));
    NamedTensors live = state_of(*module);
    for (size_t i = 0; i < live.size(); ++i) {
      by_hand[i].second = decay * by_hand[i].second + (1 - decay) * live[i].second;
      EXPECT_LT(max_difference(ema.shadow()[i].second, by_hand[i].second), 1e-5);
    }
  }
}

TEST(Ema, AveragedWeightsStandInOnlyForAWhile) {
  auto module = small_run(std::filesystem::temp_directory_path(), small_options()).trained.model;
  Ema ema(*module, 0.5);
  NamedTensors start = copy_of(state_of(*module));
  at::NoGradGuard no_grad;
  for (auto& [name, t] : state_of(*module)) t.add_(1);
  NamedTensors live = copy_of(state_of(*module));
  {
    WithAveragedWeights averaged(*module, ema);
    EXPECT_TRUE(equal(state_of(*module), start));
  }
  EXPECT_TRUE(equal(state_of(*module), live));
}

TEST_F(TrainerTest, BestHoldsTheAveragedWeightsAndLastTheLiveOnes) {
  TrainOptions options = small_options();
  options.epochs = 1;
  options.ema = 0.9;
  TrainContext context = small_run(folder, options);
  train(context, false);
  NamedTensors best = state_of(*read_model(folder / "best").model);
  EXPECT_TRUE(equal(best, read_checkpoint(folder / "last", 3).ema));
  EXPECT_TRUE(
      equal(state_of(*read_model(folder / "last").model), state_of(*context.trained.model)));
  EXPECT_FALSE(equal(best, state_of(*context.trained.model)));
}

/// A player whose gradient is known: the loss is slope . w.
class LinearPlayer : public Player {
 public:
  explicit LinearPlayer(Tensor slope) : slope_(std::move(slope)) {
    module_.register_parameter("w", at::zeros_like(slope_));
  }
  std::string name() const override { return "model"; }
  torch::nn::Module& module() override { return module_; }
  Loss loss(const Batch&, Rng&, const Time&) override {
    return {(slope_ * module_.parameters()[0]).sum(), {}};
  }

 private:
  Tensor slope_;
  torch::nn::Module module_;
};

/// Where one step of plain descent at rate 0.5 leads from zero.
Tensor step_with_clip(double clip, StepResult& result) {
  std::vector<std::unique_ptr<Player>> players;
  players.push_back(std::make_unique<LinearPlayer>(at::tensor({3.0F, 4.0F})));
  torch::nn::Module& module = players[0]->module();
  Tensor w = module.parameters()[0];
  Engine engine(std::move(players), {"sgd", clip});
  Rng rng(1);
  result = engine.step({}, rng, {}, 0.5);
  return w.detach().clone();
}

TEST(Clip, ScalesGradientsAboveTheNormAndNoOthers) {
  StepResult result;
  for (double clip : {0.0, 5.0, 100.0}) {
    EXPECT_TRUE(at::equal(step_with_clip(clip, result), at::tensor({-1.5F, -2.0F}))) << clip;
    EXPECT_NEAR(result.gradient_norm, 5, 1e-6);
  }
  EXPECT_LT(max_difference(step_with_clip(1, result), at::tensor({-0.3F, -0.4F})), 1e-6);
  EXPECT_NEAR(result.gradient_norm, 5, 1e-6);
}

/// A held-out look that says what a script says, epoch by epoch.
HeldOutTerms scripted(std::vector<double> values) {
  auto at = std::make_shared<size_t>(0);
  return [=](Model&, const Pipeline&, const Dataset& data) {
    double value = data.size() == 1 ? 0 : values.at((*at)++);  // one row: only the names count
    return std::map<std::string, double>{{"neg_elbo", 0.0}, {"recon", value}};
  };
}

TEST_F(TrainerTest, StopsEarlyOnTheNamedTerm) {
  TrainOptions options = small_options();
  options.epochs = 20;
  options.patience = 3;
  options.stop_on = "recon";
  TrainContext context = small_run(folder, options);
  Recorder recorder;
  watch(context, recorder);
  context.held_out = scripted({5, 4, 3, 3.5, 2, 2.5, 2, 2.1, 0, 0});
  EXPECT_EQ(train(context, false), Ending::early);
  EXPECT_EQ(recorder.records.back().epoch, 8);
  EXPECT_EQ(recorder.notes,
            std::vector<std::string>{"stopped early: no better recon for 3 epochs"});
  EXPECT_EQ(read_model(folder / "best").metrics.at("epoch").as_integer(), 5);
  EXPECT_EQ(read_model(folder / "best").metrics.at("recon").as_number(), 2);
}

TEST_F(TrainerTest, ALookThatIsNotANumberIsNeverTheBest) {
  TrainOptions options = small_options();
  options.stop_on = "recon";
  TrainContext context = small_run(folder, options);
  context.held_out = scripted({std::nan(""), 7, std::nan("")});
  EXPECT_EQ(train(context, false), Ending::finished);
  EXPECT_EQ(read_model(folder / "best").metrics.at("epoch").as_integer(), 2);
}

// Four rows, of which one gets much worse and three a little better: better in the mean, by chance.
TEST_F(TrainerTest, AFittedStartStaysUntilAnEpochIsClearlyBetter) {
  using Rows = std::vector<double>;
  const Rows start = {4, 4, 4, 4}, by_chance = {4.5, 3, 4.3, 3.8}, clear = {3.8, 3.7, 3.8, 3.75};
  for (const Rows& last : {by_chance, clear}) {
    TrainContext context = small_run(folder, small_options());
    context.keeps_weights = true;
    auto looks = std::make_shared<size_t>(0);
    context.held_out = [=](Model&, const Pipeline&, const Dataset&) {
      const Rows& rows = (*looks)++ == 0 ? start : last;
      double mean = std::accumulate(rows.begin(), rows.end(), 0.0) / 4;
      return HeldOut({{"neg_elbo", mean}}, {{"neg_elbo", rows}});
    };
    Recorder recorder;
    watch(context, recorder);
    train(context, false);
    bool is_start = read_model(folder / "best").metrics.at("epoch").as_integer() == 0;
    EXPECT_EQ(is_start, last == by_chance);
    bool is_said = std::any_of(recorder.notes.begin(), recorder.notes.end(), [](auto& note) {
      return note.find("the start stays the best") != std::string::npos;
    });
    EXPECT_EQ(is_said, is_start);
  }
}

TEST_F(TrainerTest, WithoutValidationTheLastEpochIsTheBest) {
  TrainContext context = small_run(folder, small_options());
  context.data.valid = nullptr;
  train(context, false);
  EXPECT_TRUE(
      equal(state_of(*read_model(folder / "best").model), state_of(*context.trained.model)));
}

TEST_F(TrainerTest, WhatCannotStopARunIsRefusedBeforeTheFirstStep) {
  TrainOptions options = small_options();
  options.stop_on = "recom";
  TrainContext context = small_run(folder, options);
  Recorder recorder;
  watch(context, recorder);
  EXPECT_EQ(error_of([&] { train(context, false); }),
            "usage: train.stop_on: no term 'recom'; did you mean 'recon'?\n"
            "Known: kl, neg_elbo, recon");
  options = small_options();
  options.patience = 2;
  context = small_run(folder, options);
  watch(context, recorder);
  context.data.valid = nullptr;
  EXPECT_EQ(error_of([&] { train(context, false); }),
            "usage: train.patience: nothing to watch, no rows are held out for validation\n"
            "Set data.valid, or train.patience = 0.");
  EXPECT_EQ(recorder.steps, 0);
}

TEST_F(TrainerTest, TheScheduleMultipliesTheLearningRate) {
  TrainOptions options = small_options();
  options.optimizer = "sgd";
  auto constant = weights_by_epoch("constant", options);
  options.lr *= 2;
  Value half = Value::table();
  half["from"] = 0.5;
  half["to"] = 0.5;
  options.lr_schedule = Part("linear", half);
  auto halved = weights_by_epoch("halved", options);
  ASSERT_EQ(constant.size(), halved.size());
  for (size_t i = 0; i < constant.size(); ++i) EXPECT_TRUE(equal(constant[i], halved[i])) << i;
}

TEST_F(TrainerTest, AScheduleThatEndsAtZeroStopsAllMovement) {
  TrainOptions options = small_options();
  options.optimizer = "sgd";
  Value falling = Value::table();
  falling["from"] = 1;
  falling["to"] = 0;
  falling["epochs"] = 1;
  options.lr_schedule = Part("linear", falling);
  auto weights = weights_by_epoch("falling", options);
  EXPECT_TRUE(equal(weights.at(0), weights.at(1)));
  options.lr_schedule = "constant";
  weights = weights_by_epoch("constant", options);
  EXPECT_FALSE(equal(weights.at(0), weights.at(1)));
}

TEST_F(TrainerTest, ABatchLargerThanTheDataIsOneStepAnEpoch) {
  TrainOptions options = small_options();
  options.batch = 1000;
  TrainContext context = small_run(folder, options);
  Recorder recorder;
  watch(context, recorder);
  EXPECT_EQ(train(context, false), Ending::finished);
  EXPECT_EQ(recorder.steps, options.epochs);
}

/// `x` with one value of row `row` out of the Bernoulli's support.
DatasetPtr with_one_outside(Tensor x, int64_t row) {
  x[row][2] = 1.5;
  return table_of(x);
}

TEST_F(TrainerTest, EveryRowOfEverySplitMustBePossible) {
  TrainOptions options = small_options();
  Tensor possible = plane(12000, "rows").sigmoid(), few = possible.narrow(0, 0, 50);
  for (const char* split : {"train", "valid", "test"}) {
    TrainContext context = small_run(folder / split, options);
    Schema schema = context.data.schema;
    schema.columns = {"a", "b", "c", "d"};
    context.trained.options.likelihood = "bernoulli";
    Rng rng(1, "model");
    context.trained.model = make_model(context.trained.options, schema, rng);
    context.trained.pipeline = std::make_shared<Pipeline>(std::vector<Part>{}, schema);
    context.data.train = table_of(possible);
    context.data.valid = context.data.test = table_of(few);
    bool is_train = std::string(split) == "train";
    auto& part = is_train                        ? context.data.train
                 : std::string(split) == "valid" ? context.data.valid
                                                 : context.data.test;
    // Of the training rows one that the run does not start from.
    int64_t row = is_train ? Rng(3, "train/start").permutation(12000)[11000] : 37;
    part = with_one_outside((is_train ? possible : few).clone(), row);
    Recorder recorder;
    watch(context, recorder);
    std::string error = error_of([&] { train(context, false); });
    EXPECT_TRUE(
        error.starts_with(fmt::format("data: {} rows: x under the bernoulli likelihood "
                                      "must be in [0, 1]: got 1.5 at [",
                                      split)))
        << error;
    EXPECT_NE(error.find(", column 'c'\nChoose a model.likelihood"), std::string::npos) << error;
    EXPECT_TRUE(recorder.records.empty());
  }
}

TEST_F(TrainerTest, TheStopFlagEndsARunAfterTheStepWithACheckpoint) {
  TrainContext context = small_run(folder, small_options());
  Recorder recorder;
  recorder.stop_after = 7;
  watch(context, recorder);
  EXPECT_EQ(train(context, false), Ending::stopped);
  EXPECT_EQ(recorder.steps, 7);
  Checkpoint checkpoint = read_checkpoint(folder / "last", 3);
  EXPECT_EQ(checkpoint.progress.step, 7);
  EXPECT_EQ(checkpoint.progress.epoch, 1);
  EXPECT_EQ(checkpoint.progress.step_in_epoch, 2);
}

}  // namespace
}  // namespace elbo
