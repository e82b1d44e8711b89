// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/rng.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "elbo/core/rng_fill.h"

namespace elbo {
namespace {

std::vector<float> normals(Rng rng, size_t n) {
  std::vector<float> out(n);
  rng.normal(out);
  return out;
}

// Random123 1.09, kat_vectors: philox4x32 10.
TEST(Philox, MatchesPublishedVectors) {
  EXPECT_EQ(philox4x32({0, 0, 0, 0}, {0, 0}),
            (std::array<uint32_t, 4>{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32({0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {0xffffffff, 0xffffffff}),
            (std::array<uint32_t, 4>{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (std::array<uint32_t, 4>{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, FillEqualsThePublishedGenerator) {
  Rng rng(7, "stream", 3);
  std::vector<uint32_t> fill(64);
  Rng(rng).bits(fill);
  for (uint32_t b = 0; b < 16; ++b) {
    auto words = philox4x32(
        {b, 0, 3, 0}, {static_cast<uint32_t>(rng.key()), static_cast<uint32_t>(rng.key() >> 32)});
    for (size_t w = 0; w < 4; ++w) EXPECT_EQ(fill[16 * w + b], words[w]);
  }
}

TEST(Rng, EveryInstructionSetGivesTheSameBits) {
  const size_t groups = 9;
  std::vector<uint8_t> chances;
  for (size_t i = 0; i <= groups * kFillGroup; ++i) chances.push_back(static_cast<uint8_t>(i * 7));
  auto fill = [&](Isa isa, uint64_t block) {
    const RngFills& fills = rng_fills(isa);
    std::vector<uint32_t> out(4 * groups * kFillGroup + 1);
    auto* words = out.data() + 1;  // misaligned for every vector length
    auto* floats = reinterpret_cast<float*>(words);
    fills.bits(11, 0x123456789A, block, words, groups);
    fills.uniform(11, 0x123456789A, block, floats + groups * kFillGroup, groups);
    fills.normal(11, 0x123456789A, block, floats + 2 * groups * kFillGroup, groups);
    float* bits = floats + 3 * groups * kFillGroup;
    fills.uniform(11, 0x123456789A, block, bits, groups);
    fills.below(chances.data() + 1, bits, groups * kFillGroup);
    return out;
  };
  for (Isa isa : kIsas) {
    if (isa > highest_isa()) break;
    for (uint64_t block : {uint64_t{0}, uint64_t{0xFFFFFFFF}, ~uint64_t{0} - 7}) {  // with carries
      EXPECT_EQ(fill(isa, block), fill(Isa::scalar, block)) << isa_name(isa) << " " << block;
    }
  }
}

TEST(Rng, BernoulliIsUniformBelowTheChance) {
  std::vector<uint8_t> chances(777);
  for (size_t i = 0; i < chances.size(); ++i) chances[i] = static_cast<uint8_t>(i);
  std::vector<float> drawn(777), uniform(777);
  Rng a(1, "a", 5), b(1, "a", 5);
  a.bernoulli(chances, drawn), b.uniform(uniform);
  for (size_t i = 0; i < chances.size(); ++i) {
    EXPECT_EQ(drawn[i], uniform[i] < static_cast<float>(chances[i]) / 255 ? 1 : 0);
  }
  EXPECT_EQ(a.uniform(), b.uniform());  // both have drawn as much
}

TEST(Rng, SameKeySameNumbersWhateverTheLength) {
  auto a = normals(Rng(1, "a", 5), 1000), b = normals(Rng(1, "a", 5), 777);
  EXPECT_TRUE(std::equal(b.begin(), b.begin() + 768, a.begin()));
}

TEST(Rng, KeyStreamAndStepAllMatter) {
  auto base = normals(Rng(1, "a", 5), 64);
  EXPECT_NE(base, normals(Rng(2, "a", 5), 64));
  EXPECT_NE(base, normals(Rng(1, "b", 5), 64));
  EXPECT_NE(base, normals(Rng(1, "a", 6), 64));
  EXPECT_EQ(base, normals(Rng(1, "a").at(5), 64));
  EXPECT_NE(base, normals(Rng(1, "a", 5).stream("b"), 64));
}

TEST(Rng, DrawsInOneStreamShiftNothingInAnother) {
  Rng root(9);
  Rng a = root.stream("a");
  normals(root.stream("b"), 10);
  std::vector<float> first(10);
  a.normal(first);
  EXPECT_EQ(first, normals(root.stream("a"), 10));
}

TEST(Rng, SuccessiveFillsDiffer) {
  Rng rng(3);
  std::vector<float> a(100), b(100);
  rng.normal(a);
  rng.normal(b);
  EXPECT_NE(a, b);
}

TEST(Rng, UniformHasTheRightMoments) {
  std::vector<float> u(1 << 20);
  Rng(11).uniform(u);
  double mean = std::accumulate(u.begin(), u.end(), 0.0) / double(u.size());
  EXPECT_NEAR(mean, 0.5, 5 * std::sqrt(1.0 / 12 / double(u.size())));
  EXPECT_GE(*std::min_element(u.begin(), u.end()), 0.0f);
  EXPECT_LT(*std::max_element(u.begin(), u.end()), 1.0f);
}

TEST(Rng, NormalMatchesItsDistributionFunction) {
  auto z = normals(Rng(12), 1 << 20);
  std::sort(z.begin(), z.end());
  double worst = 0, n = double(z.size());
  for (size_t i = 0; i < z.size(); ++i) {
    double cdf = 0.5 * std::erfc(-double(z[i]) / std::sqrt(2.0));
    worst = std::max(worst, std::abs(cdf - (double(i) + 0.5) / n));
  }
  EXPECT_LT(worst, 1.95 / std::sqrt(n));  // Kolmogorov-Smirnov at the 0.1 % level
  EXPECT_LT(z.back(), 5.78f);
  EXPECT_GT(z.front(), -5.78f);
}

TEST(Rng, NeighbouringNormalsAreUncorrelated) {
  auto z = normals(Rng(13), 1 << 20);
  for (size_t lag : {1u, 16u, 32u, 64u}) {
    double sum = 0;
    for (size_t i = 0; i + lag < z.size(); ++i) sum += double(z[i]) * z[i + lag];
    EXPECT_LT(std::abs(sum) / double(z.size()), 5 / std::sqrt(double(z.size()))) << lag;
  }
}

TEST(Rng, PermutationHoldsEveryIndexOnce) {
  auto p = Rng(4).permutation(1000);
  EXPECT_FALSE(std::is_sorted(p.begin(), p.end()));
  std::sort(p.begin(), p.end());
  for (int64_t i = 0; i < 1000; ++i) EXPECT_EQ(p[size_t(i)], i);
}

TEST(Rng, BelowIsEven) {
  Rng rng(5);
  std::vector<int> count(6);
  for (int i = 0; i < 60000; ++i) ++count[rng.below(6)];
  for (int c : count) EXPECT_NEAR(c, 10000, 5 * std::sqrt(10000.0 * 5 / 6));
}

}  // namespace
}  // namespace elbo
