// SPDX-License-Identifier: Apache-2.0
#include <ATen/Parallel.h>
#include <ATen/autocast_mode.h>
#include <gtest/gtest.h>

#include <atomic>

#include "elbo/tensor/convert.h"
#include "elbo/tensor/memory.h"
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

TEST(Threads, LoopsGoToTheInnermostWorkers) {
  auto sum = [] {
    std::atomic<int64_t> out = 0;
    share_loop(100, [&](int64_t i) { out += i; });
    return out.load();
  };
  EXPECT_EQ(sum(), 4950);
  EXPECT_EQ(workers().team().size(), 1);
  int before = at::get_num_threads();
  Workers three(3), two(2);
  {
    WithWorkers guard(three);
    EXPECT_EQ(&workers(), &three);
    EXPECT_EQ(at::get_num_threads(), 1);
    EXPECT_EQ(sum(), 4950);
    {
      WithWorkers inner(two, /*one_libtorch_thread=*/false);
      EXPECT_EQ(&workers(), &two);
      EXPECT_EQ(sum(), 4950);
    }
    EXPECT_EQ(&workers(), &three);
  }
  EXPECT_EQ(at::get_num_threads(), before);
  EXPECT_EQ(workers().team().size(), 1);
}

TEST(Threads, EveryWorkerHasScratchOfItsOwn) {
  Workers all(3);
  all.reserve(100);
  all.team().each(30, [&](int member, int64_t i) { all.scratch(member)[99] = float(i); });
  for (int m = 1; m < 3; ++m) EXPECT_GE(std::abs(all.scratch(m) - all.scratch(m - 1)), 100);
}

TEST(Memory, ComesAgainWhenItIsLetGo) {
  Tensor a = reused_empty({3, 50});
  void* first = a.data_ptr();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(first) % 64, 0u);
  EXPECT_NE(reused_empty({3, 50}).data_ptr(), first);
  Tensor view = a.narrow(0, 1, 1);
  a = Tensor();
  EXPECT_NE(reused_empty({3, 50}).data_ptr(), first) << "a view still holds it";
  view = Tensor();
  EXPECT_EQ(reused_empty({150}).data_ptr(), first);
  EXPECT_EQ(reused_empty({0, 4}).sizes(), at::IntArrayRef({0, 4}));
  EXPECT_EQ(reused_empty({2}, at::kDouble).scalar_type(), at::kDouble);
}

TEST(RowNoise, AnExampleMeetsTheSameNumbersInAnyBatch) {
  auto noise = [](std::vector<int64_t> examples) {
    auto n = std::ssize(examples);
    return RowNoise(Rng(1, "noise"), at::tensor(examples, at::kLong), n);
  };
  RowNoise both = noise({7, 3}), one = noise({3});
  Tensor z = both.normal(5, 30), own = one.normal(5, 30);
  EXPECT_TRUE(at::equal(z.select(1, 1), own.select(1, 0)));
  EXPECT_FALSE(at::equal(z.select(1, 1), z.select(1, 0)));
  EXPECT_FALSE(at::equal(z[0], z[1]));
  Tensor u = both.uniform(70), again = both.uniform(70);
  EXPECT_TRUE(at::equal(u[1], one.uniform(70)[0]));
  EXPECT_FALSE(at::equal(u, again));
  RowNoise draws = both.draws(4);  // of example e's draw k: row 2 k + e
  EXPECT_EQ(draws.rows(), 8);
  Tensor of_draws = draws.uniform(9);
  RowNoise alone = noise({3});
  for (int i = 0; i < 3; ++i) alone.split();  // as many draws as `both` has made
  EXPECT_TRUE(at::equal(of_draws[3], alone.draws(4).uniform(9)[1]));
  for (int64_t i = 1; i < 8; ++i) EXPECT_FALSE(at::equal(of_draws[0], of_draws[i])) << i;
}

TEST(RowNoise, DrawsAreStandardNormal) {
  RowNoise noise(Rng(2, "noise"), {}, 500);
  Tensor z = noise.normal(20, 7);
  EXPECT_LT(testing::standard_errors_off(z.view({-1, 7}), at::zeros({7})), 5);
  EXPECT_LT(testing::standard_errors_off(z.view({-1, 7}).square(), at::ones({7})), 5);
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

TEST(Schema, ComesBackAsWritten) {
  Schema schema = testing::image_schema(3, 4, 5);
  schema.range = {-0.1, 1e5};
  schema.alpha = "black";
  schema.labels = {"a", "b"};
  Value value = parse_json(to_json(schema.to_value()), "test");
  Schema back = Schema::from_value(value);
  EXPECT_EQ(back.to_value(), schema.to_value());
  EXPECT_EQ(back.range, schema.range);
  EXPECT_EQ(back.alpha, "black");
  value.erase("range"), value.erase("alpha");
  EXPECT_EQ(Schema::from_value(value).range, (ValueRange{0, 255})) << "models of before";
  for (const char* bad : {"[0]", "[1, 0]", "[0, 0]", "[0, null]", "\"0\"", "[0, 1, 2]"}) {
    value["range"] = parse_json(bad, "test");
    EXPECT_THROW(Schema::from_value(value), Error) << bad;
  }
  value.erase("range");
  value["alpha"] = "grey";
  EXPECT_THROW(Schema::from_value(value), Error);
}

}  // namespace
}  // namespace elbo
