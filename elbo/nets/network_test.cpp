// SPDX-License-Identifier: Apache-2.0
#include "elbo/nets/network.h"

#include <gtest/gtest.h>

#include "elbo/tensor/mixed_precision.h"
#include "elbo/tensor/tensor_file.h"
#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::error_of;
using testing::gradient_error;
using testing::max_difference;

/// Small networks of any kind: the fields that set widths, where a network has them.
Part small(Part part) {
  if (part.type == "mlp") part.options["sizes"] = Value::list(std::vector<int64_t>{6, 5});
  if (part.type == "conv") {
    part.options["channels"] = Value::list(std::vector<int64_t>{3, 4});
    part.options["dense"] = Value::list(std::vector<int64_t>{6});
  }
  return part;
}

std::vector<Part> small_variants() {
  std::vector<Part> out;
  for (const Part& part : testing::variants(networks())) out.push_back(small(part));
  return out;
}

/// The places a network may stand in: encoders and decoders of images and tables that it does not
/// refuse.
std::vector<NetworkContext> contexts(const Part& part) {
  std::vector<NetworkContext> out;
  for (const NetworkContext& context : std::vector<NetworkContext>{{{7}, {5}},
                                                                   {{1, 9, 11}, {5}},
                                                                   {{3, 8, 8}, {4}},
                                                                   {{4}, {2, 7}, true},
                                                                   {{4}, {2, 3, 9, 11}, true},
                                                                   {{2}, {1, 1, 8, 8}, true}}) {
    Rng weights(1, "weights");
    std::string refusal = error_of([&] { networks().make(part, context, weights); });
    EXPECT_TRUE(refusal.empty() || refusal.starts_with("usage: ")) << refusal;
    if (refusal.empty()) out.push_back(context);
  }
  EXPECT_GE(out.size(), 3u) << part.type << " refuses too much";
  return out;
}

Tensor input(const NetworkContext& context, int64_t n, Rng& rng, at::ScalarType type = at::kFloat) {
  std::vector<int64_t> shape = {n};
  shape.insert(shape.end(), context.in.begin(), context.in.end());
  return normal(rng, shape, type);
}

Tensor forward(Network& network, const Tensor& x, Rng& rng) {
  RowNoise noise(rng.split(), {}, x.size(0));
  return network.forward(x, noise);
}

Tensor run(Network& network, const Tensor& x, Rng& rng) {
  RowNoise noise(rng.split(), {}, x.size(0));
  return network.run(x, {}, noise);
}

std::vector<int64_t> output_shape(const NetworkContext& context, int64_t n) {
  std::vector<int64_t> shape = {n};
  shape.insert(shape.end(), context.out.begin(), context.out.end());
  return shape;
}

class NetworkContract : public ::testing::TestWithParam<Part> {
 protected:
  std::shared_ptr<Network> make(const NetworkContext& context, uint64_t seed = 1) {
    Rng weights(seed, "weights");
    return networks().make(GetParam(), context, weights);
  }
  Rng rng{1, "network"};
};

TEST_P(NetworkContract, MeetsItsOutputShape) {
  for (const NetworkContext& context : contexts(GetParam())) {
    auto network = make(context);
    for (int64_t n : {1, 3}) {
      Tensor y = forward(*network, input(context, n, rng), rng);
      EXPECT_EQ(y.sizes(), at::IntArrayRef(output_shape(context, n)));
      EXPECT_TRUE(y.isfinite().all().item<bool>());
    }
  }
}

TEST_P(NetworkContract, WeightsFollowFromTheGenerator) {
  for (const NetworkContext& context : contexts(GetParam())) {
    auto bytes = [&](uint64_t seed) { return encode_tensors(state_of(*make(context, seed))); };
    EXPECT_EQ(bytes(1), bytes(1));
    EXPECT_NE(bytes(1), bytes(2));
  }
}

TEST_P(NetworkContract, GradientReachesEveryWeight) {
  for (const NetworkContext& context : contexts(GetParam())) {
    auto network = make(context);
    Tensor y = forward(*network, input(context, 8, rng), rng);
    (y * normal(rng, y.sizes())).sum().backward();
    for (const auto& item : network->named_parameters()) {
      Tensor gradient = item.value().grad();
      ASSERT_TRUE(gradient.defined()) << item.key();
      EXPECT_TRUE(gradient.isfinite().all().item<bool>()) << item.key();
      if (!item.key().ends_with("weight")) continue;  // batch norm cancels a bias before it
      EXPECT_GT(gradient.abs().sum().item<double>(), 0) << item.key();
    }
  }
}

// The weights move in between: a copy of them in bf16 must not outlive a run.
TEST_P(NetworkContract, RunsInMixedPrecisionAsFarAsBf16Rounds) {
  for (const NetworkContext& context : contexts(GetParam())) {
    auto network = make(context);
    Tensor x = input(context, 8, rng);
    for (int i = 0; i < 2; ++i) {
      Rng a(2), b(2), c(2);
      Tensor expected = forward(*network, x, a);
      EXPECT_TRUE(at::allclose(run(*network, x, b), expected, 1e-4, 1e-5));
      MixedPrecision on(true);
      Tensor mixed = run(*network, x, c);
      EXPECT_EQ(mixed.scalar_type(), at::kFloat);
      EXPECT_FALSE(at::equal(mixed, expected));
      EXPECT_LT((mixed - expected).norm().item<double>(), 0.03 * expected.norm().item<double>());
      at::NoGradGuard no_grad;
      for (Tensor& p : network->parameters()) p.add_(normal(rng, p.sizes()), 0.3);
    }
  }
}

TEST_P(NetworkContract, OutputBiasAddsToTheOutput) {
  for (const NetworkContext& context : contexts(GetParam())) {
    auto network = make(context);
    network->eval();
    Tensor x = input(context, 3, rng), bias = at::zeros(context.out);
    network->set_output_bias(bias);
    Tensor before = forward(*network, x, rng);
    // The same in every pixel: all that a convolution can express.
    for (int64_t i = 0; i < bias.size(0); ++i) bias[i].fill_(0.5 * static_cast<double>(i) - 1);
    network->set_output_bias(bias);
    Tensor added = (forward(*network, x, rng) - before)[0];
    EXPECT_LT(max_difference(added, bias), 1e-5);
  }
}

TEST_P(NetworkContract, GradientMatchesCentralDifferences) {
  for (const NetworkContext& context : contexts(GetParam())) {
    auto network = make(context);
    network->to(at::kDouble);
    network->eval();
    Tensor x = input(context, 2, rng, at::kDouble), weight = normal(rng, output_shape(context, 2));
    auto value = [&] { return (forward(*network, x, rng) * weight).sum(); };
    EXPECT_LT(gradient_error(value, x), 1e-6);
  }
}

TEST_P(NetworkContract, EvaluationTakesNoRandomNumbersAndStandsStill) {
  for (const NetworkContext& context : contexts(GetParam())) {
    auto network = make(context);
    network->eval();
    Tensor x = input(context, 3, rng);
    Bytes before = encode_tensors(state_of(*network));
    Rng one(1, "a"), other(2, "b");
    EXPECT_TRUE(at::equal(forward(*network, x, one), forward(*network, x, other)));
    Tensor alone = forward(*network, x.narrow(0, 1, 1), one);
    EXPECT_LT(max_difference(alone[0], forward(*network, x, one)[1]), 1e-5) << "examples meet";
    EXPECT_EQ(encode_tensors(state_of(*network)), before);
  }
}

INSTANTIATE_TEST_SUITE_P(Every, NetworkContract, ::testing::ValuesIn(small_variants()));

TEST(Network, DropoutActsWhileTrainingOnly) {
  for (Part part : {small("mlp"), small("conv")}) {
    part.options["dropout"] = 0.5;
    Rng rng(3, "dropout");
    NetworkContext context{{1, 9, 11}, {5}};
    auto network = networks().make(part, context, rng);
    Tensor x = input(context, 4, rng);
    EXPECT_FALSE(at::equal(forward(*network, x, rng), forward(*network, x, rng))) << part.type;
    network->eval();
    EXPECT_TRUE(at::equal(forward(*network, x, rng), forward(*network, x, rng))) << part.type;
  }
}

TEST(Conv, DropoutFollowsEachHiddenConvolution) {
  Part part = small("conv");
  part.options["dense"] = Value(Value::List{});  // no hidden dense layer
  part.options["dropout"] = 0.5;
  Rng rng(3, "dropout");
  for (const NetworkContext& context :
       {NetworkContext{{1, 9, 11}, {5}}, NetworkContext{{5}, {1, 1, 9, 11}, true}}) {
    auto network = networks().make(part, context, rng);
    Tensor x = input(context, 4, rng);
    EXPECT_FALSE(at::equal(forward(*network, x, rng), forward(*network, x, rng)));
  }
}

TEST(Mlp, IsTheComposition) {
  Rng rng(4, "mlp");
  Part part("mlp", parse_toml("sizes = [3, 2]\nactivation = 'tanh'", "test"));
  auto network = networks().make(part, {{4}, {2, 5}}, rng);
  auto p = network->named_parameters();
  EXPECT_EQ(p["linear0.weight"].sizes(), at::IntArrayRef({3, 4}));
  Tensor x = normal(rng, {6, 4});
  Tensor h = at::tanh(at::matmul(x, p["linear0.weight"].t()) + p["linear0.bias"]);
  h = at::tanh(at::matmul(h, p["linear1.weight"].t()) + p["linear1.bias"]);
  Tensor y = at::matmul(h, p["output.weight"].t()) + p["output.bias"];
  EXPECT_LT(max_difference(forward(*network, x, rng), y.view({6, 2, 5})), 1e-6);
}

TEST(Mlp, MirrorReversesTheWidths) {
  Rng rng(5, "mlp");
  Part part("mlp", parse_toml("sizes = [3, 2]", "test"));
  auto p = networks().make(part, {{4}, {5}, true}, rng)->named_parameters();
  EXPECT_EQ(p["linear0.weight"].sizes(), at::IntArrayRef({2, 4}));
  EXPECT_EQ(p["linear1.weight"].sizes(), at::IntArrayRef({3, 2}));
  EXPECT_EQ(p["output.weight"].sizes(), at::IntArrayRef({5, 3}));
}

TEST(Mlp, NoHiddenLayersIsOneLinearMap) {
  Rng rng(6, "mlp");
  auto network = networks().make({"mlp", parse_toml("sizes = []", "test")}, {{4}, {5}}, rng);
  EXPECT_EQ(network->named_parameters().size(), 2u);
  Tensor a = normal(rng, {1, 4}), b = normal(rng, {1, 4}), zero = at::zeros({1, 4});
  auto f = [&](const Tensor& x) {
    return forward(*network, x, rng) - forward(*network, zero, rng);
  };
  EXPECT_LT(max_difference(f(a + 2 * b), f(a) + 2 * f(b)), 1e-5);
}

TEST(Conv, MirrorMeetsAnyImageExactly) {
  Rng rng(7, "conv");
  struct Window {
    int64_t kernel, stride;
  };
  for (auto [kernel, stride] :
       {Window{4, 2}, Window{3, 1}, Window{5, 3}, Window{2, 2}, Window{1, 2}}) {
    Part part = small("conv");
    part.options["kernel"] = kernel;
    part.options["stride"] = stride;
    for (int64_t height : {5, 6, 7, 8, 13, 28, 33}) {
      for (int64_t width : {5, 10, 16, 29}) {
        for (int64_t channels : {1, 3}) {
          NetworkContext in{{channels, height, width}, {4}};
          NetworkContext out{{2}, {2, channels, height, width}, true};
          for (const auto& context : {in, out}) {
            Tensor y = forward(*networks().make(part, context, rng), input(context, 2, rng), rng);
            EXPECT_EQ(y.sizes(), at::IntArrayRef(output_shape(context, 2)))
                << kernel << ' ' << stride << ' ' << height << ' ' << width;
          }
        }
      }
    }
  }
}

TEST(Conv, OutputBiasIsTheMeanOverPixels) {
  Rng rng(8, "conv");
  auto network = networks().make(small("conv"), {{2}, {1, 3, 8, 8}, true}, rng);
  Tensor bias = normal(rng, {1, 3, 8, 8}), z = normal(rng, {1, 2});
  network->set_output_bias(at::zeros_like(bias));
  Tensor before = forward(*network, z, rng);
  network->set_output_bias(bias);
  Tensor added = (forward(*network, z, rng) - before)[0];
  EXPECT_LT(max_difference(added, bias.mean({-2, -1}, true).expand_as(bias)), 1e-5);
}

TEST(Conv, NamesWhatDoesNotFit) {
  Rng rng(9, "conv");
  auto made = [&](const NetworkContext& context) {
    return error_of([&] { networks().make("conv", context, rng); });
  };
  std::string small_image =
      "usage: conv: 2 layers with kernel 4 and stride 2 are too many for images of 3x30, for "
      "which there is room for 1\nName fewer channels, or use the mlp network: --encoder mlp";
  EXPECT_EQ(made({{1, 3, 30}, {5}}), small_image);
  EXPECT_EQ(made({{5}, {1, 1, 3, 30}, true}), small_image);
  std::string table =
      "usage: conv: this data has no height and width\nUse the mlp network, or say what "
      "images the columns make: --image 28x28";
  EXPECT_EQ(made({{7}, {5}}), table);
  EXPECT_EQ(made({{5}, {1, 7}, true}), table);
}

}  // namespace
}  // namespace elbo
