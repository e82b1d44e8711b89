// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace elbo {

/// Threads that work in step: one parallel region for many small loops.
///
/// In a region every member runs the same code; each() shares out a loop's turns and ends with all
/// members having arrived. Waiting members spin briefly and then sleep, so a busy machine loses
/// little. A member takes turns from its own share first, in order, so that it meets the same
/// memory in every step, and then from others'.
class Team {
 public:
  explicit Team(int members);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return size_; }

  /// Runs body(member) on all members, the caller being member 0. The body must not throw.
  template <class Body>
  void run(Body&& body) {
    start([](void* b, int member) { (*static_cast<std::remove_reference_t<Body>*>(b))(member); },
          &body);
  }

  /// In a region: turn(i) for every i in [0, turns), once each, on some member; returns on each
  /// member when all turns are done.
  template <class Turn>
  void each(int member, int64_t turns, Turn&& turn) {
    for (int n = 0; n < size_; ++n) {
      int owner = (member + n) % size_;
      int64_t begin = turns * owner / size_, end = turns * (owner + 1) / size_;
      std::atomic<int64_t>& taken = shares_[static_cast<size_t>(owner)].taken;
      for (int64_t i; (i = begin + taken.fetch_add(1, std::memory_order_relaxed)) < end;) turn(i);
    }
    wait();
  }

  /// In a region: work() on member 0 while the others wait.
  template <class Work>
  void once(int member, Work&& work) {
    if (member == 0) work();
    wait();
  }

 private:
  struct alignas(64) Share {
    std::atomic<int64_t> taken{0};
  };
  void start(void (*call)(void*, int), void* body);
  void serve(int member);
  void wait();

  int size_;
  std::vector<Share> shares_;
  void (*call_)(void*, int) = nullptr;
  void* body_ = nullptr;
  alignas(64) std::atomic<uint32_t> region_{0};
  alignas(64) std::atomic<uint32_t> phase_{0};
  alignas(64) std::atomic<int> arrived_{0};
  bool is_over_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace elbo
