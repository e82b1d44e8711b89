// SPDX-License-Identifier: Apache-2.0
#include "elbo/objectives/schedule.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

double at_epoch(const Schedule& schedule, double epoch, double epochs = 40) {
  return schedule({.step = 0, .epoch = epoch, .epochs = epochs});
}

Schedule make(const char* type, const char* options = "") {
  return schedules().make({type, parse_toml(options, "test")});
}

TEST(Schedule, TableOfValues) {
  struct Row {
    const char *type, *options;
    double epoch, expected;
  };
  const Row rows[] = {
      {"constant", "", 0, 1},
      {"constant", "", 39, 1},
      {"linear", "", 0, 0},
      {"linear", "", 5, 0.5},
      {"linear", "", 10, 1},
      {"linear", "", 30, 1},
      {"linear", "epochs = 0", 20, 0.5},
      {"linear", "from = 2.0\nto = 1.0", 5, 1.5},
      {"linear", "from = 1.0\nto = 0.0\nepochs = 0\nwarmup = 4", 0, 0},
      {"linear", "from = 1.0\nto = 0.0\nepochs = 0\nwarmup = 4", 2, 0.5 * 0.95},
      {"linear", "from = 1.0\nto = 0.0\nepochs = 0\nwarmup = 4", 4, 0.9},
      {"cosine", "", 0, 1},
      {"cosine", "", 20, 0.505},
      {"cosine", "", 40, 0.01},
      {"cosine", "", 50, 0.01},
      {"cosine", "to = 0.0\nepochs = 20", 5, 0.8535533905932737},
      {"cosine", "warmup = 10", 5, 0.5 * (0.01 + 0.99 * 0.9619397662556434)},
      {"cyclical", "", 0, 0},
      {"cyclical", "", 2.5, 0.5},
      {"cyclical", "", 5, 1},
      {"cyclical", "", 9.9, 1},
      {"cyclical", "", 10, 0},
      {"cyclical", "", 40, 1},
      {"cyclical", "cycles = 2\nramp = 1.0", 15, 0.75},
      {"step", "", 0, 1},
      {"step", "", 13, 1},
      {"step", "", 14, 0.1},
      {"step", "", 27, 0.01},
      {"step", "", 40, 0.01},
  };
  std::set<std::string> seen;
  for (const Row& row : rows) {
    seen.insert(row.type);
    EXPECT_NEAR(at_epoch(make(row.type, row.options), row.epoch), row.expected, 1e-12)
        << row.type << " {" << row.options << "} at " << row.epoch;
  }
  EXPECT_EQ(seen.size(), schedules().members().size()) << "a schedule without a row";
}

TEST(Schedule, EveryOneStaysFiniteAndWithinItsEnds) {
  for (const Part& part : testing::variants(schedules())) {
    Schedule schedule = schedules().make(part);
    for (double epochs : {0.0, 1.0, 7.0, 100.0}) {
      for (double share = 0; share <= 1.5; share += 0.01) {
        double v = at_epoch(schedule, share * epochs, epochs);
        EXPECT_TRUE(v >= 0 && v <= 1) << part.type << ' ' << epochs << ' ' << share << ' ' << v;
      }
    }
  }
}

TEST(Schedule, StepIsTheLadderOfBurda) {
  // Eighths of 60 epochs at 10^(-i / 7), i = 0..7 (PROTOCOLS.md, row B3).
  Part part("step");
  part.options["stages"] = 8;
  part.options["factor"] = std::pow(10, -1.0 / 7);
  Schedule schedule = schedules().make(part);
  for (int i = 0; i < 8; ++i) {
    for (double inside : {0.0, 3.0, 7.4}) {
      EXPECT_NEAR(at_epoch(schedule, 7.5 * i + inside, 60), std::pow(10, -i / 7.0), 1e-12) << i;
    }
  }
}

TEST(Schedule, CyclesRepeat) {
  Schedule schedule = make("cyclical", "cycles = 5");
  for (double epoch = 0.1; epoch < 8; epoch += 0.5) {
    for (int cycle = 1; cycle < 5; ++cycle) {
      EXPECT_NEAR(at_epoch(schedule, epoch), at_epoch(schedule, epoch + 8 * cycle), 1e-12) << epoch;
    }
  }
}

}  // namespace
}  // namespace elbo
