// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "elbo/kernels/buffer.h"
#include "elbo/kernels/team.h"

namespace elbo {

/// A team with scratch memory for each of its members.
class Workers {
 public:
  explicit Workers(int members) : team_(members), scratch_(static_cast<size_t>(members)) {}
  Team& team() { return team_; }
  /// Makes room for so many floats of each member; not while a loop runs.
  void reserve(int64_t floats);
  float* scratch(int member) { return scratch_[static_cast<size_t>(member)].data(); }

 private:
  Team team_;
  std::vector<Buffer> scratch_;
};

/// The workers of this thread's computations: those of the innermost WithWorkers, else this thread
/// alone.
Workers& workers();

/// Has this thread's computations done by some workers for as long as it lives. LibTorch is kept to
/// one thread meanwhile if wanted: the idle threads of its team would spin beside ours.
class WithWorkers {
 public:
  explicit WithWorkers(Workers& workers, bool one_libtorch_thread = true);
  ~WithWorkers();
  WithWorkers(const WithWorkers&) = delete;
  WithWorkers& operator=(const WithWorkers&) = delete;

 private:
  int before_;
  Workers* outer_;
};

/// Calls turn(i) for every i in [0, turns), perhaps at once on several threads: this thread's
/// workers, or LibTorch's threads where it has none. A turn must not throw.
void share_loop(int64_t turns, const std::function<void(int64_t)>& turn);

}  // namespace elbo
