// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace elbo {

/// Which way a part of a step is gone.
enum class Direction { forward, backward };

/// Told of every part of the work that this thread does: its name, its seconds, and the
/// floating-point operations of its products in both directions, told of on the way back.
using Profile = std::function<void(const std::string& part, Direction direction, double seconds,
                                   double operations)>;

/// Has a profile told for as long as it lives; for people who ask where the time goes.
class WithProfile {
 public:
  explicit WithProfile(const Profile& profile);
  ~WithProfile();
  WithProfile(const WithProfile&) = delete;
  WithProfile& operator=(const WithProfile&) = delete;

 private:
  const Profile* outer_;
};

/// The profile to tell, or null.
const Profile* profile();

/// Does work(), and tells of it where somebody wants to know; operations() is asked afterwards.
template <class Name, class Work, class Operations>
void profiled(Name&& name, Direction direction, Work&& work, Operations&& operations) {
  const Profile* p = profile();
  if (!p) return work();
  auto start = std::chrono::steady_clock::now();
  work();
  std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  (*p)(name(), direction, took.count(), operations());
}
template <class Name, class Work>
void profiled(Name&& name, Direction direction, Work&& work) {
  profiled(name, direction, work, [] { return 0.0; });
}

}  // namespace elbo
