// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/threads.h"

#include <ATen/Parallel.h>

namespace elbo {
namespace {

thread_local Workers* workers_in_use = nullptr;

}  // namespace

void Workers::reserve(int64_t floats) {
  if (scratch_[0].size() >= floats) return;
  for (Buffer& b : scratch_) b = Buffer(floats);
}

Workers& workers() {
  if (workers_in_use) return *workers_in_use;
  thread_local Workers alone(1);
  return alone;
}

WithWorkers::WithWorkers(Workers& workers, bool one_libtorch_thread)
    : before_(at::get_num_threads()), outer_(workers_in_use) {
  if (one_libtorch_thread) at::set_num_threads(1);
  workers_in_use = &workers;
}

WithWorkers::~WithWorkers() {
  workers_in_use = outer_;
  at::set_num_threads(before_);
}

void share_loop(int64_t turns, const std::function<void(int64_t)>& turn) {
  if (workers_in_use) {
    return workers_in_use->team().each(turns, [&](int, int64_t i) { turn(i); });
  }
  at::parallel_for(0, turns, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) turn(i);
  });
}

}  // namespace elbo
