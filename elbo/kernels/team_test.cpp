// SPDX-License-Identifier: Apache-2.0
#include "elbo/kernels/team.h"

#include <gtest/gtest.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <chrono>

#include "elbo/core/denormals.h"
#include "elbo/kernels/testing.h"
#include "elbo/kernels/update.h"

namespace elbo {
namespace {

constexpr float kLeastNormal = std::numeric_limits<float>::min();
constexpr int kSizes[] = {1, 2, 3, 7};  // the last more than most machines have idle

TEST(Team, TakesEveryTurnOnce) {
  for (int size : kSizes) {
    Team team(size);
    EXPECT_EQ(team.size(), size);
    for (int64_t turns : {0, 1, 2, 3, 5, 8, 13, 64, 1000, 20000}) {
      std::vector<std::atomic<int>> taken(static_cast<size_t>(turns));
      for (int round = 0; round < 3; ++round) {
        team.each(turns, [&](int, int64_t i) { ++taken[static_cast<size_t>(i)]; });
      }
      for (auto& count : taken) ASSERT_EQ(count, 3) << turns << " turns, " << size << " members";
    }
  }
}

#if defined(SYS_sched_getattr)
/// What the system says of how this thread is scheduled: struct sched_attr.
struct Schedule {
  uint32_t size = sizeof(Schedule), policy = 0;
  uint64_t flags = 0;
  int32_t nice = 0;
  uint32_t priority = 0;
  uint64_t runtime = 0, deadline = 0, period = 0;
  bool operator==(const Schedule&) const = default;
};

Schedule schedule() {
  Schedule out;
  EXPECT_EQ(syscall(SYS_sched_getattr, 0, &out, sizeof out, 0), 0);
  return out;
}

TEST(Team, LeavesItsCallersScheduleAsItIs) {
  Schedule own = schedule();
  own.runtime = 2'000'000;  // turns of another length than a team asks for, where there are such
  syscall(SYS_sched_setattr, 0, &own, 0);
  const Schedule before = schedule();
  Team team(3);
  EXPECT_EQ(schedule(), before);
  team.each(100, [](int, int64_t) {});
  EXPECT_EQ(schedule(), before);
}
#endif

// More than a ticket holds.
TEST(Team, TakesMillionsOfTurns) {
  Team team(2);
  for (int64_t turns : {(1 << 20) - 1, 1 << 20, 5 << 20}) {
    std::vector<uint8_t> taken(static_cast<size_t>(turns));
    team.each(turns, [&](int, int64_t i) { ++taken[static_cast<size_t>(i)]; });
    EXPECT_EQ(std::count(taken.begin(), taken.end(), 1), turns);
  }
}

TEST(Team, EachMemberIsOneThreadAndTheCallerIsTheFirst) {
  for (int size : kSizes) {
    Team team(size);
    std::vector<std::thread::id> ids(static_cast<size_t>(size));
    std::atomic<int> faults{0};
    for (int round = 0; round < 20; ++round) {
      team.each(50, [&](int member, int64_t) {
        auto& id = ids[static_cast<size_t>(member)];
        if (id == std::thread::id()) id = std::this_thread::get_id();
        faults += id != std::this_thread::get_id();
      });
    }
    EXPECT_EQ(faults, 0);
    EXPECT_TRUE(ids[0] == std::this_thread::get_id() || ids[0] == std::thread::id());
  }
}

// A member that is on its way to a loop when the team ends must hear of the end.
TEST(Team, EndsWhileMembersCome) {
  for (int round = 0; round < 5000; ++round) {
    Team team(2);
    std::atomic<bool> is_here{false};
    while (!is_here) team.each(2, [&](int member, int64_t) { is_here = is_here || member == 1; });
    for (int i = 0; i < round % 7; ++i) team.each(2, [](int, int64_t) {});
  }
}

// Plain memory: each turn adds to what its neighbour held after the loop before, so a wrong order
// or a late write shows.
TEST(Team, LoopsFollowOneAnother) {
  for (int size : kSizes) {
    Team team(size);
    const size_t turns = 11;
    std::vector<uint64_t> from(turns, 1), to(turns), want = from, next(turns);
    for (int round = 0; round < 3000; ++round) {
      for (size_t i = 0; i < turns; ++i) next[i] = want[i] * 3 + want[(i + 1) % turns];
      std::swap(want, next);
      team.each(turns, [&](int, int64_t turn) {
        auto i = static_cast<size_t>(turn);
        to[i] = from[i] * 3 + from[(i + 1) % turns];
      });
      std::swap(from, to);
    }
    EXPECT_EQ(from, want) << size << " members";
  }
}

TEST(Team, WaitsForTurnsThatOthersHaveBegun) {
  Team team(2);
  for (int round = 0; round < 3; ++round) {
    std::atomic<int> done{0};
    team.each(2, [&](int member, int64_t) {
      if (member == 1) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ++done;
    });
    EXPECT_EQ(done, 2);
  }
}

/// By their bits: where denormals are flushed, comparisons take them for 0.
size_t count_denormals(const std::vector<float>& values) {
  return static_cast<size_t>(std::count_if(values.begin(), values.end(), [](float x) {
    uint32_t magnitude = std::bit_cast<uint32_t>(x) & 0x7fffffff;
    return magnitude > 0 && magnitude < std::bit_cast<uint32_t>(kLeastNormal);
  }));
}

/// Calls turn(member) once on each member of the team.
template <class Turn>
void on_each_member(Team& team, Turn turn) {
  std::atomic<int> here{0};
  team.each(team.size(), [&](int member, int64_t) {
    turn(member);
    for (++here; here < team.size();) std::this_thread::yield();
  });
}

// The gradient is 0, so that moments decay.
TEST(Team, NoMomentOfAdamStaysDenormalOnAnyMember) {
#if !defined(__x86_64__)
  GTEST_SKIP() << "denormals stay as they are on this machine";
#endif
  constexpr size_t kCount = 37;
  const std::vector<float> planted(kCount, kLeastNormal), g(kCount);
  const UpdateStep step{.lr = 0.1f, .beta2 = 0.9f, .eps = 1e-8f, .rest1 = 0.1f, .rest2 = 0.1f};
  for (Isa isa : machine_isas()) {
    auto denormals_after_step = [&] {
      std::vector<float> w(kCount), m = planted, v = planted;
      update_kernels(isa).adam(step, w.data(), g.data(), m.data(), v.data(), kCount);
      return count_denormals(m) + count_denormals(v);
    };
    ASSERT_EQ(denormals_after_step(), 2 * kCount) << "without a team they are not flushed";
    for (int size : kSizes) {
      Team team(size);
      std::vector<size_t> found(static_cast<size_t>(size), kCount), none(found.size());
      on_each_member(
          team, [&](int member) { found[static_cast<size_t>(member)] = denormals_after_step(); });
      EXPECT_EQ(found, none) << name_of(isa);
    }
  }
}

TEST(Team, CallersTreatDenormalsAsBefore) {
  for (Denormals mode : {Denormals::keep, Denormals::flush}) {
    set_denormals(mode);
    const Denormals before = denormals();
    for (int size : kSizes) {
      Team team(size);
      for (int64_t turns : {0, 1, 20}) team.each(turns, [](int, int64_t) {});
      EXPECT_EQ(denormals(), before);
    }
  }
  set_denormals(Denormals::keep);
}

TEST(Team, SleepingMembersWakeUp) {
  Team team(2);
  std::this_thread::sleep_for(std::chrono::milliseconds(5));
  std::atomic<bool> other_came{false};
  team.each(2, [&](int member, int64_t) {
    if (member == 1) other_came = true;
    auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (member == 0 && !other_came && std::chrono::steady_clock::now() < end) {
      std::this_thread::yield();
    }
  });
  EXPECT_TRUE(other_came);
}

TEST(Team, EndsWhetherItsMembersSpinSleepOrNeverWorked) {
  for (int size : kSizes) {
    { Team unused(size); }
    {
      Team spinning(size);
      spinning.each(2, [](int, int64_t) {});
    }
    Team sleeping(size);
    sleeping.each(2, [](int, int64_t) {});
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
}

}  // namespace
}  // namespace elbo
