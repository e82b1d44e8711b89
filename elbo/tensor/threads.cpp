// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/threads.h"

#include <ATen/Parallel.h>

// at::parallel_for() goes to LibTorch's threads only where OpenMP is switched on; elsewhere it is a
// plain loop.
#if !defined(_OPENMP)
#error "compile this file with OpenMP"
#endif

namespace elbo {
namespace {

thread_local const ShareLoop* share_in_use = nullptr;

}  // namespace

void one_by_one(int64_t turns, const std::function<void(int64_t)>& turn) {
  for (int64_t i = 0; i < turns; ++i) turn(i);
}

OneThread::OneThread(ShareLoop share)
    : before_(at::get_num_threads()), share_(std::move(share)), outer_(share_in_use) {
  at::set_num_threads(1);
  share_in_use = &share_;
}

OneThread::~OneThread() {
  share_in_use = outer_;
  at::set_num_threads(before_);
}

void share_loop(int64_t turns, const std::function<void(int64_t)>& turn) {
  if (share_in_use) return (*share_in_use)(turns, turn);
  at::parallel_for(0, turns, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) turn(i);
  });
}

}  // namespace elbo
