// SPDX-License-Identifier: Apache-2.0
#include "elbo/report/axis.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "elbo/core/rng.h"

namespace elbo {
namespace {

/// Whether v is 1, 2 or 5 times a power of ten.
bool is_round_step(double v) {
  double m = v / std::pow(10.0, std::floor(std::log10(v) + 1e-9));
  return std::abs(m - 1) < 1e-6 || std::abs(m - 2) < 1e-6 || std::abs(m - 5) < 1e-6;
}

TEST(RoundTicks, AreThreeToNineMultiplesOfARoundStepAndNoneIsMissing) {
  Rng rng(1, "ticks");
  for (int i = 0; i < 20000; ++i) {
    double length = std::pow(10.0, rng.uniform() * 40 - 20);
    double lo = (rng.uniform() * 2 - 1) * length * std::pow(10.0, rng.uniform() * 5 - 1);
    double hi = lo + length;
    std::vector<double> ticks = round_ticks(lo, hi);
    ASSERT_GE(ticks.size(), 3u) << lo << " " << hi;
    ASSERT_LE(ticks.size(), 9u) << lo << " " << hi;
    double step = ticks[1] - ticks[0], slack = 1e-6 * step;
    ASSERT_TRUE(is_round_step(step)) << lo << " " << hi << ": " << step;
    for (size_t k = 0; k < ticks.size(); ++k) {
      ASSERT_NEAR(ticks[k], ticks[0] + static_cast<double>(k) * step, slack);
      ASSERT_NEAR(ticks[k] / step, std::round(ticks[k] / step), 1e-5);
    }
    ASSERT_GE(ticks.front(), lo - slack);
    ASSERT_LE(ticks.back(), hi + slack);
    ASSERT_GT(ticks.front() - step, lo - step - slack);
    ASSERT_LT(ticks.front() - step, lo + slack);
    ASSERT_GT(ticks.back() + step, hi - slack);
  }
}

TEST(RoundTicks, AreExactDecimals) {
  EXPECT_EQ(round_ticks(0, 1), (std::vector<double>{0, 0.2, 0.4, 0.6, 0.8, 1.0}));
  EXPECT_EQ(round_ticks(-0.3, 0.3), (std::vector<double>{-0.3, -0.2, -0.1, 0, 0.1, 0.2, 0.3}));
  EXPECT_EQ(round_ticks(97, 131), (std::vector<double>{100, 110, 120, 130}));
}

TEST(LogTicks, AreThreeToNineInRange) {
  Rng rng(2, "ticks");
  for (int i = 0; i < 20000; ++i) {
    double lo = std::pow(10.0, rng.uniform() * 40 - 20);
    double hi = lo * (1.01 + std::pow(10.0, rng.uniform() * 24 - 3));
    std::vector<double> ticks = log_ticks(lo, hi);
    ASSERT_GE(ticks.size(), 3u) << lo << " " << hi;
    ASSERT_LE(ticks.size(), 9u) << lo << " " << hi;
    ASSERT_GE(ticks.front(), lo * (1 - 1e-8));
    ASSERT_LE(ticks.back(), hi * (1 + 1e-8));
  }
  EXPECT_EQ(log_ticks(0.5, 2000), (std::vector<double>{1, 10, 100, 1000}));
  EXPECT_EQ(log_ticks(90, 600), (std::vector<double>{100, 200, 500}));
}

TEST(TickLabels, TellTicksApartAndReadWell) {
  using Labels = std::vector<std::string>;
  EXPECT_EQ(tick_labels({0, 0.2, 0.4}), (Labels{"0", "0.2", "0.4"}));
  EXPECT_EQ(tick_labels({-1, -0.5, 0}), (Labels{"-1.0", "-0.5", "0"}));
  EXPECT_EQ(tick_labels({100, 110, 120}), (Labels{"100", "110", "120"}));
  EXPECT_EQ(tick_labels({0, 20000, 40000}), (Labels{"0", "20k", "40k"}));
  EXPECT_EQ(tick_labels({9500, 10000, 10500}), (Labels{"9.5k", "10.0k", "10.5k"}));
  EXPECT_EQ(tick_labels({0, 5e5, 1e6, 1.5e6}), (Labels{"0", "0.5M", "1.0M", "1.5M"}));
  EXPECT_EQ(tick_labels({0, 2e-5, 4e-5}), (Labels{"0", "2e-5", "4e-5"}));
  EXPECT_EQ(tick_labels({1e10, 2e10}), (Labels{"1e10", "2e10"}));
  EXPECT_EQ(tick_labels({1e-2, 1e-1, 1, 10}), (Labels{"0.01", "0.1", "1", "10"}));
  Rng rng(3, "labels");
  for (int i = 0; i < 2000; ++i) {
    double lo = (rng.uniform() * 2 - 1) * 1000;
    std::vector<double> ticks = round_ticks(lo, lo + std::pow(10.0, rng.uniform() * 12 - 4));
    Labels labels = tick_labels(ticks);
    ASSERT_EQ(std::set<std::string>(labels.begin(), labels.end()).size(), ticks.size()) << lo;
  }
}

TEST(Axis, MapsItsEndsToItsPixels) {
  for (bool log : {false, true}) {
    Axis axis = make_axis(10, 1000, 0, log);
    axis.from = 200;
    axis.to = 20;
    EXPECT_DOUBLE_EQ(axis.at(10), 200);
    EXPECT_DOUBLE_EQ(axis.at(1000), 20);
    EXPECT_NEAR(axis.at(log ? 100 : 505), 110, 1e-9);
  }
}

TEST(Axis, ConstantDataStillHasLengthAndTicks) {
  for (double v : {0.0, 1.0, -3e7, 1e-12, 1e200}) {
    Axis axis = make_axis(v, v, 0.04);
    EXPECT_LT(axis.lo, axis.hi);
    EXPECT_LE(axis.lo, v);
    EXPECT_GE(axis.hi, v);
    EXPECT_GE(axis.ticks.size(), 3u);
  }
  EXPECT_GE(make_axis(5, 5, 0.04, true).ticks.size(), 3u);
}

}  // namespace
}  // namespace elbo
