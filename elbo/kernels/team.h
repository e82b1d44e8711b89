// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace elbo {

/// Asks for short turns of this thread, and those it starts, on the processor, which come as much
/// more often. On a busy machine a member of a team that waits for its turn holds up all others,
/// and the machine's own turns of milliseconds are longer than a whole loop. Linux >= 6.12 grants
/// it to anyone; elsewhere nothing happens. A team asks for its own threads; a program that is
/// mostly loops may for the thread that calls them, which a library must leave as it is.
void ask_for_short_turns();

/// Threads that share out the turns of loops.
///
/// The caller is member 0 and works too; it waits for turns that others have begun, never for
/// others to come, so a member that the machine keeps from running costs little. Members wait for
/// the next loop by spinning briefly and then sleeping. Even members take turns from the front, odd
/// ones from the back: in loops of the same shape they meet the same memory each time.
class Team {
 public:
  /// Throws Error(Code::resource) where so many threads cannot be had.
  explicit Team(int members);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int size() const { return static_cast<int>(threads_.size()) + 1; }

  /// turn(member, i) for every i in [0, turns), once each; returns when all are done. Denormals are
  /// flushed in every turn, also the caller's own. A turn that throws ends the program, and nobody
  /// else may be calling.
  template <class Turn>
  void each(int64_t turns, Turn&& turn) {
    start(
        turns,
        [](void* t, int member, int64_t i) noexcept {
          (*static_cast<std::remove_reference_t<Turn>*>(t))(member, i);
        },
        &turn);
  }

 private:
  using Call = void (*)(void*, int, int64_t) noexcept;
  void start(int64_t turns, Call call, void* turn);
  void share(int64_t first, int64_t turns);
  void work(int member, uint64_t loop);
  void serve(int member);
  void end();

  Call call_ = nullptr;
  void* turn_ = nullptr;
  int64_t first_ = 0;  // turn of the ticket's
  // The loop's number in 24 bits, how many turns are left in 20, and the first of them in 20. A
  // turn is taken by exchanging the whole, so a late member cannot take one of another loop.
  alignas(64) std::atomic<uint64_t> ticket_{0};
  alignas(64) std::atomic<int> loop_{0};  // of the ticket; for sleeping
  alignas(64) std::atomic<int> open_{0};  // turns that are not done
  std::atomic<bool> is_over_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace elbo
