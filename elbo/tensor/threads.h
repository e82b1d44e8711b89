// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "elbo/core/denormals.h"

namespace elbo {

/// Calls turn(i) for every i in [0, turns), perhaps at once on several threads.
using ShareLoop = std::function<void(int64_t turns, const std::function<void(int64_t)>& turn)>;

/// On this thread.
void one_by_one(int64_t turns, const std::function<void(int64_t)>& turn);

/// Does so by LibTorch's threads, or as the OneThread wants it that lives on this thread. A turn
/// must not throw: on an engine's threads that ends the program.
void share_loop(int64_t turns, const std::function<void(int64_t)>& turn);

/// Lets LibTorch's idle threads sleep, until the program ends. They would spin for milliseconds
/// after each operator, which beside other busy processes makes operators tens of times slower.
/// LibTorch may use as many threads as it does now, or fewer; call it again when it is given more
/// or fewer. Nothing happens where OMP_WAIT_POLICY or GOMP_SPINCOUNT says how threads wait.
/// Throws Error(Code::resource) where a thread cannot be had.
void let_idle_threads_sleep();

/// Holds while this thread computes by LibTorch's operators: denormals are flushed here and on the
/// threads of LibTorch that share this thread's operators, and these sleep when idle. When it ends,
/// all of them treat denormals as this thread did before. To be made before a OneThread that lives
/// meanwhile, for it reaches the threads that LibTorch may use then and any that begin later.
class ComputeScope {
 public:
  ComputeScope();
  ~ComputeScope();
  ComputeScope(const ComputeScope&) = delete;
  ComputeScope& operator=(const ComputeScope&) = delete;

 private:
  Denormals before_;
};

/// Keeps LibTorch to one thread for as long as it lives, beside code with threads of its own, to
/// which share_loop() on this thread is given: the idle threads of LibTorch's team would spin.
class OneThread {
 public:
  explicit OneThread(ShareLoop share = one_by_one);
  ~OneThread();
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
  ShareLoop share_;
  const ShareLoop* outer_;  // of a OneThread that lives already
};

}  // namespace elbo
