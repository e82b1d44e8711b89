// SPDX-License-Identifier: Apache-2.0
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <atomic>

#include "elbo/tensor/convert.h"
#include "elbo/tensor/mixed_precision.h"
#include "elbo/tensor/random.h"
#include "elbo/tensor/tensor_file.h"
#include "elbo/tensor/testing.h"
#include "elbo/tensor/threads.h"

namespace elbo {
namespace {

using testing::error_of;

TEST(Random, EqualsTheGeneratorWhateverTheShape) {
  Rng a(1, "s"), b(1, "s");
  EXPECT_TRUE(at::equal(normal(a, {4, 25}).flatten(), normal(b, {100})));
}

TEST(Random, ARowMeetsTheSameNumbersInAnyBatch) {
  Rng rng(1, "rows");
  Tensor both = uniform_by_row(rng, at::tensor({7, 3}, at::kLong), 50);
  Tensor one = uniform_by_row(rng, at::tensor({3}, at::kLong), 50);
  EXPECT_TRUE(at::equal(both[1], one[0]));
  EXPECT_FALSE(at::equal(both[0], both[1]));
}

TEST(Random, BernoulliByRowIsUniformByRowBelowTheChance) {
  Rng rng(5);
  Tensor rows = at::tensor({7, 3, 9}, at::kLong),
         p = at::linspace(0, 1, 3 * 2 * 70).view({3, 2, 70});
  Tensor expected = (uniform_by_row(rng, rows, 140).view_as(p) < p).to(at::kFloat);
  EXPECT_TRUE(at::equal(bernoulli_by_row(rng, rows, p), expected));
  EXPECT_TRUE(at::equal(bernoulli_by_row(rng, rows, p.transpose(1, 2)),
                        bernoulli_by_row(rng, rows, p.transpose(1, 2).contiguous())));
}

TEST(Threads, LoopsGoWhereTheOneThreadSends) {
  auto sum = [] {
    std::atomic<int64_t> out = 0;
    share_loop(100, [&](int64_t i) { out += i; });
    return out.load();
  };
  EXPECT_EQ(sum(), 4950);
  int64_t seen = 0;
  {
    OneThread one([&](int64_t turns, const auto& turn) { seen += turns, one_by_one(turns, turn); });
    EXPECT_EQ(at::get_num_threads(), 1);
    EXPECT_EQ(sum(), 4950);
    {
      OneThread inner;
      EXPECT_EQ(sum(), 4950);
    }
    EXPECT_EQ(sum(), 4950);
  }
  EXPECT_EQ(sum(), 4950);
  EXPECT_EQ(seen, 200);
}

TEST(Random, ByRowHasTheSameBitsByOperators) {
  for (uint64_t seed : {1, 2, 3}) {
    Rng rng(seed, "rows");
    Tensor rows = at::tensor({int64_t{7}, int64_t{0}, (int64_t{5} << 32) + 3, int64_t{1} << 31});
    for (int64_t n : {1, 63, 64, 65, 784}) {
      EXPECT_TRUE(
          at::equal(uniform_by_row_by_operators(rng, rows, n), uniform_by_row(rng, rows, n)))
          << seed << " " << n;
    }
  }
}

/// Work that draws two kinds of noise from two streams, in turn.
Tensor noisy_work(Rng rng) {
  Rng other = rng.stream("other");
  Tensor a = normal(rng, {3, 50}), b = uniform(other, {7}), c = uniform(rng, {70}).mul_(2);
  return at::cat({a.flatten(), b, c, normal(other, {5}, at::kDouble)});
}

TEST(NoiseTape, RedrawsWhatTheSameWorkWouldDraw) {
  Rng rng(1, "tape");
  NoiseTape tape;
  for (uint64_t step : {4, 5, 9, 4}) {
    Tensor expected = noisy_work(rng.at(step));
    tape.redraw(step);  // of nothing at first
    NoiseTape::Use use(tape);
    EXPECT_TRUE(at::equal(noisy_work(rng.at(4)), expected)) << step;
  }
}

TEST(NoiseTape, KnowsWhatItCannotRedraw) {
  auto can_redraw = [](const std::function<void(Rng&)>& then) {
    Rng rng = Rng(1, "tape").at(4);
    NoiseTape tape;
    NoiseTape::Use use(tape);
    normal(rng, {3});
    then(rng);
    return tape.can_redraw(rng);
  };
  EXPECT_TRUE(can_redraw([](Rng&) {}));
  EXPECT_TRUE(can_redraw([](Rng& rng) { normal(rng, {3}); }));
  EXPECT_FALSE(can_redraw([](Rng& rng) { rng.below(3); }));
  EXPECT_FALSE(can_redraw([](Rng& rng) { rng.below(3), normal(rng, {3}); }));
  EXPECT_FALSE(can_redraw([](Rng& rng) { rng = rng.at(7), normal(rng, {3}); }));
}

TEST(NoiseTape, RefusesWorkThatDrawsOtherNoise) {
  auto error_after = [](const std::function<void(Rng&)>& work) {
    Rng rng(1);
    NoiseTape tape;
    {
      NoiseTape::Use use(tape);
      normal(rng, {3});
    }
    NoiseTape::Use use(tape);
    return error_of([&] { work(rng); });
  };
  EXPECT_EQ(error_after([](Rng& rng) { normal(rng, {3}); }), "");
  std::string refusal = "failure: replayed work draws other noise than what was recorded";
  EXPECT_EQ(error_after([](Rng& rng) { normal(rng, {4}); }), refusal);
  EXPECT_EQ(error_after([](Rng& rng) { uniform(rng, {3}); }), refusal);
  EXPECT_EQ(error_after([](Rng& rng) { normal(rng, {3}), normal(rng, {3}); }), refusal);
}

TEST(Convert, RoundTripsEveryType) {
  for (auto type : {at::kBool, at::kByte, at::kChar, at::kShort, at::kInt, at::kLong, at::kHalf,
                    at::kBFloat16, at::kFloat, at::kDouble}) {
    Tensor t = at::arange(6, at::kFloat).view({2, 3}).to(type);
    EXPECT_TRUE(at::equal(to_tensor(to_array(t)), t)) << c10::toString(type);
  }
}

TEST(Convert, FirstPlaceNamesTheIndex) {
  Tensor t = at::zeros({3, 20}, at::kBool);
  EXPECT_EQ(first_place(t), "");
  t[2][17] = true;
  EXPECT_EQ(first_place(t), "[2, 17]");
}

struct Pair : torch::nn::Module {
  Pair() {
    a = register_parameter("a", at::zeros({2}));
    b = register_buffer("b", at::zeros({3}));
  }
  Tensor a, b;
};

std::string load_message(const NamedTensors& tensors) {
  Pair module;
  try {
    load_state(module, tensors, "file");
  } catch (const Error& e) {
    EXPECT_EQ(e.code(), Code::model);
    return e.message();
  }
  return "loaded";
}

TEST(LoadState, RefusesWhatDoesNotFit) {
  Tensor two = at::ones({2}), three = at::ones({3});
  EXPECT_EQ(load_message({{"a", two}, {"b", three}}), "loaded");
  EXPECT_EQ(load_message({{"a", two}}), "file: the tensor 'b' is missing");
  EXPECT_EQ(load_message({{"a", two}, {"b", two}}),
            "file: the tensor 'b' has shape [2], the architecture wants [3]");
  EXPECT_EQ(load_message({{"a", two.to(at::kDouble)}, {"b", three}}),
            "file: the tensor 'a' holds Double, the architecture wants Float");
  EXPECT_EQ(load_message({{"a", two / 0}, {"b", three}}),
            "file: the tensor 'a' is not finite at [0]");
  EXPECT_EQ(load_message({{"a", two}, {"b", three}, {"c", two}}),
            "file: the tensor 'c' has no place in the architecture");
}

TEST(TensorFile, RoundTripsByteForByte) {
  Pair module;
  module.a.data().fill_(2.5);
  Bytes bytes = encode_tensors(state_of(module));
  EXPECT_EQ(encode_tensors(parse_tensors(bytes, "t")), bytes);
}

TEST(CheckAll, NamesRoleValueAndPlace) {
  Tensor scale = at::ones({3, 20});
  scale[2][17] = -0.5;
  EXPECT_EQ(error_of([&] { check_all(scale > 0, scale, "scale", "> 0"); }),
            "data: scale must be > 0: got -0.5 at [2, 17]");
  EXPECT_EQ(error_of([&] { check_all(scale < 2, scale, "scale", "< 2"); }), "");
  EXPECT_EQ(error_of([&] {
              check_unit(scale, "scale", {"a", "b"}, "Scale it.");
            }),
            "data: scale must be in [0, 1]: got -0.5 at [2, 17]\nScale it.");
  EXPECT_EQ(error_of([&] {
              check_unit(scale.narrow(1, 16, 2), "scale", {"a", "b"});
            }),
            "data: scale must be in [0, 1]: got -0.5 at [2, 1], column 'b'");
  EXPECT_EQ(error_of([&] { check_unit(scale.abs(), "scale"); }), "");
}

/// LibTorch's autocast on the CPU, as this thread has it.
std::tuple<bool, at::ScalarType, bool> autocast_state() {
  return {at::autocast::is_autocast_enabled(at::kCPU), at::autocast::get_autocast_dtype(at::kCPU),
          at::autocast::is_autocast_cache_enabled()};
}

TEST(MixedPrecision, LeavesAutocastAsItWasAlsoWhenANetworkThrows) {
  Tensor x = at::ones({2, 3});
  auto product = [&] { return at::matmul(x, x.t()); };
  auto before = autocast_state();
  at::autocast::set_autocast_dtype(at::kCPU, at::kHalf);
  auto others = autocast_state();
  {
    MixedPrecision on(true);
    std::tuple<bool, at::ScalarType, bool> within;
    Tensor y = in_mixed_precision(x, [&] {
      within = autocast_state();
      EXPECT_EQ(product().scalar_type(), at::kBFloat16);
      return product();
    });
    EXPECT_EQ(within, std::tuple(true, at::kBFloat16, false));
    EXPECT_EQ(y.scalar_type(), at::kFloat);
    EXPECT_EQ(autocast_state(), others);
    EXPECT_THROW(in_mixed_precision(x, []() -> Tensor { throw Error(Code::failure, "no"); }),
                 Error);
    EXPECT_EQ(autocast_state(), others);
  }
  at::autocast::set_autocast_dtype(at::kCPU, std::get<1>(before));
  EXPECT_EQ(in_mixed_precision(x, product).scalar_type(), at::kFloat);
}

TEST(MixedPrecision, IsWhatTheInnermostSays) {
  Tensor x = at::full({1, 1}, 1 + 0x1p-10);  // no number of bf16
  auto is_rounded = [&] {
    return in_mixed_precision(x, [&] {
             return at::matmul(x, at::ones({1, 1}));
           }).item<float>() == 1;
  };
  EXPECT_FALSE(is_rounded());
  MixedPrecision on(true);
  EXPECT_TRUE(is_rounded());
  {
    MixedPrecision off(false);
    EXPECT_FALSE(is_rounded());
  }
  EXPECT_TRUE(is_rounded());
}

}  // namespace
}  // namespace elbo
