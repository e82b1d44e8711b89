// SPDX-License-Identifier: Apache-2.0
#include "elbo/kernels/team.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#if defined(__linux__)
#include <sched.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

#include "elbo/core/denormals.h"
#include "elbo/core/error.h"

namespace elbo {
namespace {

constexpr int kBits = 20;
constexpr uint64_t kTurnMask = (uint64_t{1} << kBits) - 1;
constexpr int64_t kMostTurns = kTurnMask;  // that a ticket can hold
constexpr uint64_t kLoopMask = (uint64_t{1} << 24) - 1;

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  std::this_thread::yield();
#endif
}

/// How often a thread looks before it sleeps: some tens of microseconds while that is long enough,
/// hardly at all on a machine whose other threads do not come, where it would only use up the turn
/// of the thread it waits for.
class Patience {
 public:
  /// Looks until is_over() or patience ends; returns the former.
  template <class IsOver>
  bool look(IsOver is_over) {
    for (int i = 0; i < looks_; ++i) {
      if (is_over()) {
        looks_ = looks_ * 2 < kMost ? looks_ * 2 : kMost;
        return true;
      }
      pause();
    }
    looks_ = looks_ / 4 > kLeast ? looks_ / 4 : kLeast;
    return is_over();
  }

 private:
  static constexpr int kMost = 5000, kLeast = 20;
  int looks_ = kMost;
};

}  // namespace

void ask_for_short_turns() {
#if defined(__linux__) && defined(SYS_sched_setattr)
  struct {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
  } now{};
  if (syscall(SYS_sched_getattr, 0, &now, sizeof now, 0) != 0 || now.policy != SCHED_OTHER) return;
  now.runtime = 100'000;  // nanoseconds: the least there is
  syscall(SYS_sched_setattr, 0, &now, 0);
#endif
}

Team::Team(int members) {
  try {
    for (int i = 1; i < members; ++i) threads_.emplace_back([this, i] { serve(i); });
  } catch (const std::system_error& e) {
    int begun = size();
    end();
    throw Error(Code::resource, fmt::format("only {} of {} threads can be had: {}\nSet --threads.",
                                            begun, members, e.what()));
  }
}

Team::~Team() { end(); }

void Team::end() {
  is_over_ = true;
  loop_.fetch_add(1, std::memory_order_release);
  loop_.notify_all();
  for (std::thread& t : threads_) t.join();
}

void Team::start(int64_t turns, Call call, void* turn) {
  FlushDenormals flush;
  if (threads_.empty() || turns == 1) {
    for (int64_t i = 0; i < turns; ++i) call(turn, 0, i);
    return;
  }
  call_ = call;
  turn_ = turn;
  for (int64_t first = 0; first < turns; first += kMostTurns) {
    share(first, std::min(kMostTurns, turns - first));
  }
}

/// Turns first .. first + turns - 1, as many as a ticket can hold.
void Team::share(int64_t first, int64_t turns) {
  first_ = first;
  open_.store(static_cast<int>(turns), std::memory_order_relaxed);
  auto loop = static_cast<uint32_t>(loop_.load(std::memory_order_relaxed)) + 1;
  uint64_t number = loop & kLoopMask;
  ticket_.store((number << (2 * kBits)) | (static_cast<uint64_t>(turns) << kBits),
                std::memory_order_release);
  // seq_cst: must be there before notify_all() looks whether anyone sleeps.
  loop_.store(static_cast<int>(loop), std::memory_order_seq_cst);
  loop_.notify_all();
  work(0, number);
  static thread_local Patience patience;
  if (patience.look([this] { return open_.load(std::memory_order_acquire) == 0; })) return;
  for (int left; (left = open_.load(std::memory_order_acquire)) != 0;) {
    open_.wait(left, std::memory_order_acquire);
  }
}

/// Takes turns of the loop until none is left.
void Team::work(int member, uint64_t loop) {
  uint64_t ticket = ticket_.load(std::memory_order_acquire);
  for (;;) {
    uint64_t left = (ticket >> kBits) & kTurnMask, first = ticket & kTurnMask;
    if (ticket >> (2 * kBits) != loop || left == 0) return;
    bool front = member % 2 == 0;
    uint64_t turn = front ? first : first + left - 1;
    uint64_t next = (loop << (2 * kBits)) | ((left - 1) << kBits) | (front ? first + 1 : first);
    if (!ticket_.compare_exchange_weak(ticket, next, std::memory_order_acq_rel)) continue;
    call_(turn_, member, first_ + static_cast<int64_t>(turn));
    if (open_.fetch_sub(1, std::memory_order_acq_rel) == 1) open_.notify_all();
    ticket = ticket_.load(std::memory_order_acquire);
  }
}

void Team::serve(int member) {
  ask_for_short_turns();
  FlushDenormals flush;
  Patience patience;
  for (int seen = 0;;) {
    auto now = [this] { return loop_.load(std::memory_order_acquire); };
    if (!patience.look([&] { return now() != seen; })) {
      loop_.wait(seen, std::memory_order_acquire);
      continue;
    }
    seen = now();
    if (is_over_) return;  // it is by the loop seen, where that is the last
    work(member, static_cast<uint32_t>(seen) & kLoopMask);
  }
}

}  // namespace elbo
