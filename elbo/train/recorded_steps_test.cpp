// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/recorded_steps.h"

#include <gtest/gtest.h>

#include "elbo/fused/testing.h"
#include "elbo/tensor/testing.h"
#include "elbo/train/engine.h"
#include "elbo/train/testing.h"
#include "elbo/train/weights.h"

// The CPU's twin of a recording calls the step again with what it captured by value as it was, so
// that here every number of a later step must come through a tensor, as on a device it must.
namespace elbo {
namespace {

using testing::part_with;

/// A model, how it is trained, and what happens to it on the way.
struct Case : fused::testing::VaeCase {
  const char* name;
  ObjectiveOptions objective;
  EngineOptions engine;
  int64_t bad_step = -1;
};

Case mlp(const char* name) {
  Case c;
  c.name = name;
  c.shape = {12}, c.rows = 9, c.seed = 4, c.model.latent = 3;
  c.model.encoder = testing::small_network();
  return c;
}

std::vector<Case> cases() {
  std::vector<Case> out;
  out.push_back(mlp("a Bernoulli table"));
  out.push_back(mlp("convolutions with batch norm"));
  out.back().shape = {1, 9, 8};
  out.back().model.encoder = part_with("conv", "norm", std::string("batch"));
  out.back().model.encoder.options["channels"] = Value::list<int64_t>({4, 5});
  // A bias under batch norm has only rounding for a gradient, of which adam makes whole steps.
  out.back().engine.optimizer = "sgd";
  for (const char* scale : {"learned", "fixed"}) {
    out.push_back(mlp("a full covariance and a Gaussian"));
    out.back().model.posterior = "full";
    out.back().model.likelihood = part_with("gaussian", "scale", std::string(scale));
  }
  out.push_back(mlp("dropout, a mask and another input"));
  out.back().has_mask = out.back().has_other_input = true;
  out.back().model.encoder = testing::small_network(0.4);
  out.push_back(mlp("a rising beta, free bits and clipping"));
  out.back().objective.beta_schedule = "linear";
  out.back().objective.beta = 3, out.back().objective.free_bits = 0.1;
  out.back().engine = {"adamw", 0.05};
  out.push_back(mlp("a bad step under batch norm"));
  out.back().model.encoder = testing::small_network(0.2, "batch");
  out.back().engine.optimizer = part_with("sgd", "momentum", 0.9);
  out.back().bad_step = 4;
  out.push_back(mlp("a bad step between clipped ones"));
  out.back().engine = {part_with("rmsprop", "momentum", 0.5), 0.05};
  out.back().bad_step = 4;
  for (size_t i = 0, n = out.size(); i < n; ++i) {
    out.push_back(out[i]);
    out.back().engine.precision = Precision::bf16;
  }
  return out;
}

/// Refuses to record, so that every step is an ordinary one by the operators that are recorded.
std::unique_ptr<StepGraph> refuse(const std::function<void()>&) {
  throw std::runtime_error("it waits\nfor the device");
}

/// One run of a case: full batches and one smaller one at each epoch's end, three steps an epoch.
class Training {
 public:
  explicit Training(const Case& c, RecordGraph record = nullptr) : case_(c), model_(c.make()) {
    at::set_num_threads(1);
    engine_ = make_autograd_engine(make_players(c.objective, model_), c.engine, std::move(record));
  }
  /// From graphs. As on a device, a replay sets no parameter's gradient.
  static Training replayed(const Case& c, std::shared_ptr<int64_t> recorded = nullptr) {
    auto params = std::make_shared<std::vector<Tensor>>();
    Training out(c, [=](const std::function<void()>& work) {
      if (recorded) ++*recorded;
      return record_calls([=] {
        work();
        for (Tensor& p : *params) p.mutable_grad().reset();
      });
    });
    *params = out.model_->parameters();
    return out;
  }
  StepResult step(int64_t number) {
    Case of_step = case_;
    of_step.seed += static_cast<uint64_t>(number);
    of_step.rows -= number % 3 == 2 ? 4 : 0;
    Batch batch = of_step.batch();
    if (number == case_.bad_step) batch.x.fill_(INFINITY), batch.input = Tensor();
    Rng rng = Rng(7, "train").at(static_cast<uint64_t>(number));
    double epoch = static_cast<double>(number) / 3;
    return engine_->step(batch, rng, {number, epoch, 5}, 1e-2 / (1 + epoch));
  }
  NamedTensors state() const {
    NamedTensors out = engine_->state();
    for (auto& item : state_of(*model_)) out.push_back(item);
    return out;
  }

 private:
  Case case_;
  std::shared_ptr<Model> model_;
  std::unique_ptr<Engine> engine_;
};

void expect_same(const Training& a, const Training& b) {
  NamedTensors x = a.state(), y = b.state();
  ASSERT_EQ(x.size(), y.size());
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(x[i].first, y[i].first);
    EXPECT_TRUE(at::equal(x[i].second, y[i].second)) << x[i].first;
  }
}

void expect_near(const Training& a, const Training& b) {
  NamedTensors x = a.state(), y = b.state();
  ASSERT_EQ(x.size(), y.size());
  for (size_t i = 0; i < x.size(); ++i) {
    EXPECT_EQ(x[i].first, y[i].first);
    EXPECT_LT(testing::max_difference(x[i].second, y[i].second), 1e-4) << x[i].first;
  }
}

void expect_same(const StepResult& a, const StepResult& b) {
  EXPECT_EQ(a.names, b.names);
  EXPECT_EQ(a.finite, b.finite);
  EXPECT_EQ(a.broken, b.broken);
  if (!a.finite || !b.finite) return;
  EXPECT_EQ(a.gradient_norm, b.gradient_norm);
  EXPECT_EQ(a.means, b.means);
}

TEST(ReplayedSteps, EqualOrdinaryOnesBitForBit) {
  for (const Case& c : cases()) {
    SCOPED_TRACE(
        fmt::format("{}{}", c.name, c.engine.precision == Precision::bf16 ? ", bf16" : ""));
    auto recorded = std::make_shared<int64_t>(0);
    Training ordinary(c, refuse), replayed = Training::replayed(c, recorded);
    for (int64_t i = 0; i < 12; ++i) {
      SCOPED_TRACE(i);
      StepResult expected = ordinary.step(i);
      expect_same(expected, replayed.step(i));
      EXPECT_EQ(expected.finite, i != c.bad_step);
    }
    expect_same(ordinary, replayed);
    EXPECT_EQ(*recorded, 2) << "one for each size of batch";
  }
}

/// Without graphs, where the host decides what is clipped and whether anything moves, and kernels
/// move it.
TEST(ReplayedSteps, MoveWeightsAsThoseOfTheHostDo) {
  for (const Case& c : cases()) {
    if (c.engine.precision == Precision::bf16) continue;
    SCOPED_TRACE(c.name);
    Training of_host(c), replayed = Training::replayed(c);
    for (int64_t i = 0; i < 6; ++i) of_host.step(i), replayed.step(i);
    expect_near(of_host, replayed);
  }
}

TEST(ReplayedSteps, GoOnFromASavedState) {
  Case c = cases()[1];
  auto whole = Training::replayed(c), first = Training::replayed(c), second = Training::replayed(c);
  for (int64_t i = 0; i < 5; ++i) whole.step(i), first.step(i), second.step(0);
  assign(second.state(), first.state(), "resume");
  for (int64_t i = 5; i < 10; ++i) whole.step(i), second.step(i);
  expect_same(whole, second);
}

TEST(ReplayedSteps, AreOrdinaryWhereRecordingFails) {
  Case c = cases()[0];
  Training ordinary(c), refused(c, refuse);
  for (int64_t i = 0; i < 6; ++i) {
    ordinary.step(i);
    EXPECT_EQ(refused.step(i).note, i == 1 ? "steps are not replayed from a graph: it waits" : "");
  }
  expect_near(ordinary, refused);
}

/// A player with one weight whose loss draws from its Rng past the tape, before other noise or at
/// the end.
class Gambler : public Player {
 public:
  explicit Gambler(bool at_the_end) : at_the_end_(at_the_end) {
    module_.register_parameter("w", at::ones({2}));
  }
  std::string name() const override { return "model"; }
  torch::nn::Module& module() override { return module_; }
  Loss loss(const Batch&, Rng& rng, const Tensor&) override {
    Tensor a = normal(rng, {2});
    rng.below(6);
    if (!at_the_end_) a = a + normal(rng, {2});
    return {(a * module_.parameters()[0]).sum(), {}};
  }

 private:
  bool at_the_end_;
  torch::nn::Module module_;
};

TEST(ReplayedSteps, AreOrdinaryWhereNoiseCannotBeDrawnAhead) {
  for (bool at_the_end : {false, true}) {
    std::vector<std::unique_ptr<Player>> players;
    players.push_back(std::make_unique<Gambler>(at_the_end));
    auto engine =
        make_autograd_engine(std::move(players), {"sgd"}, [](const std::function<void()>& work) {
          ADD_FAILURE() << "recorded";
          return record_calls(work);
        });
    for (uint64_t i = 0; i < 3; ++i) {
      Rng rng = Rng(1).at(i);
      const char* why =
          "steps are not replayed from a graph: its random numbers cannot be drawn ahead";
      EXPECT_EQ(engine->step({}, rng, {}, 0.1).note, i == 0 ? why : "");
    }
  }
}

TEST(ReplayedSteps, AreOnlyWhereADeviceRecordsForOnePlayer) {
  EXPECT_EQ(why_not_replayed(1, at::kCPU), "this LibTorch records no graphs on cpu");
  EXPECT_EQ(why_not_replayed(2, at::kCUDA), "2 players learn together");
}

}  // namespace
}  // namespace elbo
