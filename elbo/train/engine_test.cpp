// SPDX-License-Identifier: Apache-2.0
#include "elbo/train/engine.h"

#include <gtest/gtest.h>

#include <limits>

#include "elbo/core/error.h"
#include "elbo/tensor/mixed_precision.h"

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
    return {total, {{name_ + "_loss", total.detach()}}};
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

}  // namespace
}  // namespace elbo
