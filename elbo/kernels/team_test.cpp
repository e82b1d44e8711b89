// SPDX-License-Identifier: Apache-2.0
#include "elbo/kernels/team.h"

#include <gtest/gtest.h>

#include <chrono>

namespace elbo {
namespace {

constexpr int kSizes[] = {1, 2, 3, 7};  // the last more than most machines have idle

TEST(Team, EveryMemberEntersARegionOnce) {
  for (int size : kSizes) {
    Team team(size);
    EXPECT_EQ(team.size(), size);
    std::vector<int> entered(static_cast<size_t>(size));
    auto caller = std::this_thread::get_id();
    team.run([&](int member) {
      ++entered[static_cast<size_t>(member)];
      EXPECT_EQ(member == 0, std::this_thread::get_id() == caller);
    });
    EXPECT_EQ(entered, std::vector<int>(entered.size(), 1));
  }
}

TEST(Team, EachTakesEveryTurnOnce) {
  for (int size : kSizes) {
    Team team(size);
    for (int64_t turns : {0, 1, 2, 3, 5, 8, 13, 64, 1000}) {
      std::vector<std::atomic<int>> taken(static_cast<size_t>(turns));
      team.run([&](int member) {
        for (int round = 0; round < 3; ++round) {
          team.each(member, turns, [&](int64_t i) { ++taken[static_cast<size_t>(i)]; });
        }
      });
      for (auto& count : taken) EXPECT_EQ(count, 3) << turns << " turns, " << size << " members";
    }
  }
}

// Plain memory: what each member reads after each(), others have written in it.
TEST(Team, ResultsAreVisibleToAllAfterEach) {
  for (int size : kSizes) {
    Team team(size);
    const int64_t turns = 37;
    std::vector<int64_t> values(turns, 0);
    std::vector<int64_t> faults(static_cast<size_t>(size), 0);
    team.run([&](int member) {
      for (int64_t round = 1; round <= 100; ++round) {
        team.each(member, turns, [&](int64_t i) { values[static_cast<size_t>(i)] += i; });
        for (int64_t i = 0; i < turns; ++i) {
          faults[static_cast<size_t>(member)] += values[static_cast<size_t>(i)] != round * i;
        }
        team.each(member, 0, [](int64_t) {});  // until all have read
      }
    });
    EXPECT_EQ(faults, std::vector<int64_t>(faults.size(), 0)) << size << " members";
  }
}

// Each turn adds to what its neighbour held after the loop before: a wrong order shows.
TEST(Team, LoopsFollowOneAnother) {
  for (int size : kSizes) {
    Team team(size);
    const size_t turns = 11;
    std::vector<uint64_t> a(turns, 1), b(turns), want = a, next(turns);
    const int rounds = 151;
    for (int round = 0; round < rounds; ++round) {
      for (size_t i = 0; i < turns; ++i) next[i] = want[i] * 3 + want[(i + 1) % turns];
      std::swap(want, next);
    }
    team.run([&](int member) {
      std::vector<uint64_t>*from = &a, *to = &b;
      for (int round = 0; round < rounds; ++round) {
        team.each(member, turns, [&](int64_t turn) {
          auto i = static_cast<size_t>(turn);
          (*to)[i] = (*from)[i] * 3 + (*from)[(i + 1) % turns];
        });
        std::swap(from, to);
      }
    });
    EXPECT_EQ(rounds % 2 ? b : a, want) << size << " members";
  }
}

TEST(Team, ManyRegionsRunInARow) {
  for (int size : kSizes) {
    Team team(size);
    int64_t sum = 0;
    std::atomic<int64_t> turns{0};
    for (int region = 0; region < 200; ++region) {
      team.run([&](int member) {
        team.each(member, 5, [&](int64_t i) { turns += i; });
        if (member == 0) sum += turns;
      });
      EXPECT_EQ(turns, 10 * (region + 1));
    }
    EXPECT_EQ(sum, 10 * 200 * 201 / 2) << size << " members";
  }
}

TEST(Team, OnceRunsOnTheCallerWhileTheOthersWait) {
  for (int size : kSizes) {
    Team team(size);
    int64_t counter = 0;
    std::vector<int64_t> seen(static_cast<size_t>(size));
    auto caller = std::this_thread::get_id();
    team.run([&](int member) {
      for (int64_t round = 0; round < 100; ++round) {
        team.once(member, [&] {
          EXPECT_EQ(std::this_thread::get_id(), caller);
          ++counter;
        });
        seen[static_cast<size_t>(member)] += counter;
        team.each(member, 0, [](int64_t) {});
      }
    });
    EXPECT_EQ(counter, 100);
    EXPECT_EQ(seen, std::vector<int64_t>(seen.size(), 5050));
  }
}

TEST(Team, SleepingMembersWakeUp) {
  Team team(3);
  std::atomic<int> entered{0};
  for (int i = 0; i < 3; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
    team.run([&](int member) {
      if (member == 1) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      team.each(member, 4, [](int64_t) {});
      ++entered;
    });
  }
  EXPECT_EQ(entered, 9);
}

TEST(Team, EndsWhetherItsMembersSpinSleepOrNeverWorked) {
  for (int size : kSizes) {
    { Team unused(size); }
    {
      Team spinning(size);
      spinning.run([](int) {});
    }
    Team sleeping(size);
    sleeping.run([](int) {});
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace
}  // namespace elbo
