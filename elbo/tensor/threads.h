// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

namespace elbo {

/// Calls turn(i) for every i in [0, turns), perhaps at once on several threads.
using ShareLoop = std::function<void(int64_t turns, const std::function<void(int64_t)>& turn)>;

/// On this thread.
void one_by_one(int64_t turns, const std::function<void(int64_t)>& turn);

/// Does so by LibTorch's threads, or as the OneThread wants it that lives on this thread. A turn
/// must not throw: on an engine's threads that ends the program.
void share_loop(int64_t turns, const std::function<void(int64_t)>& turn);

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
