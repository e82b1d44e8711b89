// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/engine.h"

#include <gtest/gtest.h>

#include <limits>

#include "elbo/core/error.h"
#include "elbo/nets/network.h"
#include "elbo/tensor/mixed_precision.h"
#include "elbo/tensor/random.h"
#include "elbo/tensor/threads.h"

namespace elbo {
namespace {

/// A weight w [2], and how often a loss has looked at it.
struct Weights : torch::nn::Module {
  explicit Weights(std::initializer_list<float> start) {
    w = register_parameter("w", at::tensor(start));
    looks = register_buffer("looks", at::zeros({}));
  }
  Tensor w, looks;
};

std::shared_ptr<Weights> make(std::initializer_list<float> start) {
  return std::make_shared<Weights>(start);
}

using LossFn = std::function<Tensor(const Tensor& own, const Tensor& other)>;

/// Minimises a function of its own weights and another player's.
class ToyPlayer : public Player {
 public:
  ToyPlayer(std::string name, std::shared_ptr<Weights> own, std::shared_ptr<Weights> other,
            LossFn loss)
      : name_(std::move(name)),
        own_(std::move(own)),
        other_(std::move(other)),
        loss_(std::move(loss)) {}
  std::string name() const override { return name_; }
  torch::nn::Module& module() override { return *own_; }
  Loss loss(const Batch&, Rng&, const Time&) override {
    Tensor total = loss_(own_->w, other_->w);
    own_->looks.add_(1), other_->looks.add_(1);
    return {total, {{name_ + "_loss", total.item<double>()}}};
  }

 private:
  std::string name_;
  std::shared_ptr<Weights> own_, other_;
  LossFn loss_;
};

/// A model and a critic, each of whose losses depends on the weights of both.
struct Game {
  std::shared_ptr<Weights> model = make({1, -2});
  std::shared_ptr<Weights> critic = make({3, 0.5F});
  LossFn model_loss = [](const Tensor& m, const Tensor& c) { return (m * c).sum(); };
  LossFn critic_loss = [](const Tensor& c, const Tensor& m) { return (c * m.square()).sum(); };

  std::unique_ptr<Engine> engine(const EngineOptions& options = {.optimizer = "sgd"}) const {
    std::vector<std::unique_ptr<Player>> players;
    players.push_back(std::make_unique<ToyPlayer>("model", model, critic, model_loss));
    players.push_back(std::make_unique<ToyPlayer>("critic", critic, model, critic_loss));
    return std::make_unique<Engine>(std::move(players), options);
  }
  StepResult step(Engine& engine) const {
    Rng rng(1);
    return engine.step({}, rng, {}, 0.1);
  }
};

TEST(Players, EachMovesByItsOwnLossFromTheWeightsBeforeTheStep) {
  Game game;
  auto engine = game.engine();
  StepResult result = game.step(*engine);
  EXPECT_TRUE(result.finite);
  EXPECT_TRUE(at::allclose(game.model->w, at::tensor({1 - 0.1F * 3, -2 - 0.1F * 0.5F})));
  EXPECT_TRUE(at::allclose(game.critic->w, at::tensor({3 - 0.1F * 1, 0.5F - 0.1F * 4})));
  ASSERT_EQ(result.names.size(), 2u);
  EXPECT_EQ(result.names[1], "critic_loss");
  EXPECT_NEAR(result.gradient_norm, std::hypot(3, 0.5), 1e-6);
  for (const auto& player : {game.model, game.critic}) EXPECT_EQ(player->looks.item<float>(), 2);
}

TEST(Players, NoneMovesWhereOneIsNotFinite) {
  for (bool critic_breaks : {true, false}) {
    Game game;
    LossFn broken = [](const Tensor& own, const Tensor&) {
      return (own * std::numeric_limits<float>::infinity()).sum();
    };
    (critic_breaks ? game.critic_loss : game.model_loss) = broken;
    Tensor model = game.model->w.detach().clone(), critic = game.critic->w.detach().clone();
    auto engine = game.engine();
    StepResult result = game.step(*engine);
    EXPECT_FALSE(result.finite);
    EXPECT_NE(result.broken.find(critic_breaks ? "critic" : "model"), std::string::npos);
    EXPECT_TRUE(at::equal(game.model->w, model)) << result.broken;
    EXPECT_TRUE(at::equal(game.critic->w, critic)) << result.broken;
    EXPECT_EQ(game.model->looks.item<float>(), 0) << result.broken;
    EXPECT_EQ(game.critic->looks.item<float>(), 0) << result.broken;
  }
}

TEST(Players, AreClippedEachByItsOwnNorm) {
  Game game;
  game.critic_loss = [](const Tensor& c, const Tensor&) { return 0.5 * c.sum(); };
  auto engine = game.engine({.optimizer = "sgd", .clip = 1});
  game.step(*engine);
  Tensor long_way = game.model->w.detach() - at::tensor({1.0F, -2.0F});
  Tensor short_way = game.critic->w.detach() - at::tensor({3.0F, 0.5F});
  EXPECT_NEAR(long_way.norm().item<double>(), 0.1, 1e-6);
  EXPECT_TRUE(at::allclose(short_way, at::full({2}, -0.05)));
}

TEST(Players, NetworksMultiplyInBf16NoLongerThanAStep) {
  for (bool throws : {false, true}) {
    Game game;
    at::ScalarType seen = at::kFloat;
    auto network = [&](const Tensor& m) {
      return in_mixed_precision(m, [&] {
        Tensor product = at::matmul(m, m);
        seen = product.scalar_type();
        ELBO_CHECK(!throws, Code::failure, "no");
        return product;
      });
    };
    game.model_loss = [&](const Tensor& m, const Tensor&) { return network(m); };
    auto engine = game.engine({.optimizer = "sgd", .precision = Precision::bf16});
    if (throws) {
      EXPECT_THROW(game.step(*engine), Error);
    } else {
      game.step(*engine);
    }
    EXPECT_EQ(seen, at::kBFloat16);
    throws = false;
    network(game.model->w);
    EXPECT_EQ(seen, at::kFloat);
  }
}

TEST(Precision, IsAsAskedAndAutoPaysWithAmxAlone) {
  EXPECT_EQ(precision_for("f32"), Precision::f32);
  EXPECT_EQ(precision_for("bf16"), Precision::bf16);
  EXPECT_EQ(precision_for("auto"), isa() == Isa::amx ? Precision::bf16 : Precision::f32);
}

TEST(Players, StateHoldsCriticsButNotTheModelsWeights) {
  Game game;
  auto engine = game.engine({.optimizer = "adam"});
  game.step(*engine);
  bool has_critic = false, has_model_optimizer = false;
  for (const auto& [name, tensor] : engine->state()) {
    EXPECT_FALSE(name.starts_with("model.weights")) << name;
    has_model_optimizer |= name.starts_with("model.optimizer.");
    if (name != "critic.weights.w") continue;
    has_critic = true;
    EXPECT_TRUE(at::equal(tensor, game.critic->w));
  }
  EXPECT_TRUE(has_critic);
  EXPECT_TRUE(has_model_optimizer);
}

TEST(Players, ContinueFromTheirStateBitForBit) {
  Game whole, first;
  auto one = whole.engine({.optimizer = "adam"}), two = first.engine({.optimizer = "adam"});
  for (int i = 0; i < 3; ++i) whole.step(*one), first.step(*two);
  Game second;
  auto three = second.engine({.optimizer = "adam"});
  {
    at::NoGradGuard no_grad;
    second.model->w.copy_(first.model->w);
    auto from = two->state(), to = three->state();
    ASSERT_EQ(from.size(), to.size());
    for (size_t i = 0; i < to.size(); ++i) to[i].second.copy_(from[i].second);
  }
  for (int i = 0; i < 4; ++i) whole.step(*one), second.step(*three);
  EXPECT_TRUE(at::equal(whole.model->w, second.model->w));
  EXPECT_TRUE(at::equal(whole.critic->w, second.critic->w));
}

/// A small model and a batch for it.
struct Trained {
  explicit Trained(const ModelOptions& options, int64_t rows = 33) {
    Schema schema;
    schema.kind = "image", schema.shape = {2, 10, 7};
    Rng rng(1, "test");
    model = make_model(options, schema, rng);
    batch.x = (uniform(rng, {rows, 2, 10, 7}) < 0.3).to(at::kFloat);
    batch.index = at::arange(rows) * 3 + 1;
    at::NoGradGuard no_grad;
    model->start_from(batch, rng);
  }
  Engine engine(const ObjectiveOptions& objective = {}, const EngineOptions& options = {}) {
    return Engine(make_players(objective, model), options);
  }
  std::shared_ptr<Model> model;
  Batch batch;
};

struct EngineCase {
  const char* name;
  Part network = "mlp", posterior = "diagonal", prior = "normal", bound = "elbo";
};

ModelOptions options_of(const EngineCase& c) {
  ModelOptions out;
  out.latent = 5;
  out.encoder = c.network, out.posterior = c.posterior, out.prior = c.prior;
  return out;
}

Part with_options(const char* type, const char* toml) { return {type, parse_toml(toml, "test")}; }

const EngineCase kCases[] = {
    {"dense", with_options("mlp", "sizes = [9]\ndropout = 0.2")},
    {"conv", with_options("conv", "channels = [5, 6]\ndense = [8]\ndropout = 0.2")},
    {"norm", with_options("conv", "channels = [5]\ndense = [8]\nnorm = 'batch'")},
    {"full", with_options("mlp", "sizes = [9]"), "full"},
    {"iwae", with_options("mlp", "sizes = [9]"), "diagonal", "normal",
     with_options("iwae", "samples = 7")},
    {"vamp", with_options("mlp", "sizes = [9]"), "diagonal",
     with_options("vamp", "components = 6")},
    {"everything", with_options("conv", "channels = [5]\ndense = [8]"), "full",
     with_options("vamp", "components = 6"), with_options("iwae", "samples = 3")},
};

class EngineLaws : public ::testing::TestWithParam<EngineCase> {
 protected:
  /// Weights and buffers after some steps by so many workers.
  NamedTensors after_steps(int workers, Precision precision = Precision::f32) {
    Workers team(workers);
    WithWorkers guard(team);
    Trained trained(options_of(GetParam()));
    ObjectiveOptions objective;
    objective.bound = GetParam().bound;
    Engine engine = trained.engine(objective, {.clip = 1, .precision = precision});
    for (int64_t i = 0; i < 5; ++i) {
      Rng rng(2, "steps", static_cast<uint64_t>(i));
      EXPECT_TRUE(engine.step(trained.batch, rng, {i, 0, 1}, 1e-2).finite);
    }
    return state_of(*trained.model);
  }
};

TEST_P(EngineLaws, NumberOfWorkersChangesNoBit) {
  for (Precision precision : {Precision::f32, Precision::bf16}) {
    NamedTensors one = after_steps(1, precision);
    for (int workers : {2, 3}) {
      NamedTensors more = after_steps(workers, precision);
      for (size_t i = 0; i < one.size(); ++i) {
        EXPECT_TRUE(at::equal(more[i].second, one[i].second)) << workers << " " << one[i].first;
      }
    }
  }
}

TEST_P(EngineLaws, PartsOfABatchGiveTheGradientOfTheWhole) {
  if (std::string(GetParam().name) == "norm") return;  // statistics are those of a part
  Trained whole(options_of(GetParam())), parts(options_of(GetParam()));
  ObjectiveOptions objective;
  objective.bound = GetParam().bound;
  Engine one = whole.engine(objective), two = parts.engine(objective);
  Rng rng(2, "step");
  one.find(whole.batch, rng, {});
  for (auto [first, n] : {std::pair(0, 5), std::pair(5, 28)}) {
    two.find(parts.batch.narrow(first, n), rng, {}, n / 33.0);
  }
  StepResult all = one.reduce(), sum = two.reduce();
  for (size_t i = 0; i < all.means.size(); ++i) {
    EXPECT_NEAR(sum.means[i], all.means[i], 1e-4) << all.names[i];
  }
  auto a = whole.model->parameters(), b = parts.model->parameters();
  for (size_t i = 0; i < a.size(); ++i) {
    double norm = a[i].grad().norm().item<double>() + 1e-3 * all.gradient_norm;
    EXPECT_LT((a[i].grad() - b[i].grad()).norm().item<double>(), 1e-5 * norm) << i;
  }
}

TEST_P(EngineLaws, KernelsFindTheGradientsThatOperatorsFind) {
  Trained fast(options_of(GetParam())), exact(options_of(GetParam()));
  exact.model->to(at::kDouble);
  exact.batch.x = exact.batch.x.to(at::kDouble);
  ObjectiveOptions objective;
  objective.bound = GetParam().bound;
  Engine one = fast.engine(objective), two = exact.engine(objective);
  EXPECT_EQ(why_not_kernels(*fast.model), "");
  Rng rng(2, "step");
  one.find(fast.batch, rng, {}), two.find(exact.batch, rng, {});
  double norm = two.reduce().gradient_norm;
  one.reduce();
  auto a = fast.model->parameters(), b = exact.model->parameters();
  for (size_t i = 0; i < a.size(); ++i) {
    Tensor off = a[i].grad().to(at::kDouble) - b[i].grad();
    EXPECT_LT(off.norm().item<double>(), 1e-5 * norm) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(, EngineLaws, ::testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

/// How many of the optimizer's numbers are denormal, by their bits.
int64_t denormals_in(const Engine& engine) {
  int64_t out = 0;
  for (const auto& [name, t] : engine.state()) {
    if (t.scalar_type() != at::kFloat) continue;
    Tensor size = t.view(at::kInt).bitwise_and(0x7FFFFFFF);
    out += ((size > 0) & (size < 0x00800000)).sum().item<int64_t>();
  }
  return out;
}

// A first moment without gradient decays by a tenth each step and would stay denormal for a hundred
// steps, each of them many times slower than others on some processors.
TEST(Denormals, PlantedInMomentsAreGoneAfterAStep) {
  for (int count : {1, 2}) {
    Workers workers(count);
    WithWorkers guard(workers);
    Trained trained(options_of(kCases[0]));
    Engine engine = trained.engine();
    Rng rng(2, "step");
    engine.step(trained.batch, rng, {}, 1e-3);
    {
      at::NoGradGuard no_grad;
      for (auto& [name, t] : engine.state()) {
        if (t.dim() > 0) t.view(at::kInt).fill_(0x00012345);
      }
    }
    ASSERT_GT(denormals_in(engine), 1000);
    trained.batch.x.zero_();  // weights of the first layer get no gradient
    engine.step(trained.batch, rng, {}, 1e-3);
    EXPECT_EQ(denormals_in(engine), 0);
  }
}

}  // namespace
}  // namespace elbo
