// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "elbo/core/denormals.h"
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

/// Lets LibTorch's idle threads sleep, until the program ends. They would spin for milliseconds
/// after each operator, which beside other busy processes makes operators tens of times slower.
/// LibTorch may use as many threads as it does now, or fewer; call it again when it is given more
/// or fewer. Nothing happens where OMP_WAIT_POLICY or GOMP_SPINCOUNT says how threads wait.
/// Throws Error(Code::resource) where a thread cannot be had.
void let_idle_threads_sleep();

/// Holds while this thread computes by LibTorch's operators: denormals are flushed here and on the
/// threads of LibTorch that share this thread's operators, and these sleep when idle. When it ends,
/// all of them treat denormals as this thread did before. It reaches the threads that LibTorch may
/// use when it is made, and any that begin later.
class ComputeScope {
 public:
  ComputeScope();
  ~ComputeScope();
  ComputeScope(const ComputeScope&) = delete;
  ComputeScope& operator=(const ComputeScope&) = delete;

 private:
  Denormals before_;
};

/// Has this thread's computations done by some workers for as long as it lives. LibTorch is kept to
/// one thread meanwhile if wanted, so that its team's do not get in the way of ours; and a
/// ComputeScope holds.
class WithWorkers {
 public:
  explicit WithWorkers(Workers& workers, bool one_libtorch_thread = true);
  ~WithWorkers();
  WithWorkers(const WithWorkers&) = delete;
  WithWorkers& operator=(const WithWorkers&) = delete;

 private:
  struct LibtorchThreads {
    explicit LibtorchThreads(bool one);
    ~LibtorchThreads();
    int before;
  };
  LibtorchThreads libtorch_threads_;
  ComputeScope scope_;
  Workers* outer_;
};

/// Calls turn(i) for every i in [0, turns), perhaps at once on several threads: this thread's
/// workers, or LibTorch's threads where it has none. A turn must not throw.
void share_loop(int64_t turns, const std::function<void(int64_t)>& turn);

}  // namespace elbo
