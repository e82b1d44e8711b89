// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/threads.h"

#include <ATen/Parallel.h>
#include <omp.h>
#include <unistd.h>

#include <cstdlib>
#include <future>
#include <mutex>
#include <system_error>
#include <thread>

#include "elbo/core/error.h"

// at::parallel_for() goes to LibTorch's threads only where OpenMP is switched on; elsewhere it is a
// plain loop.
#if !defined(_OPENMP)
#error "compile this file with OpenMP"
#endif

namespace elbo {
namespace {

thread_local Workers* workers_in_use = nullptr;

/// Starts a team of OpenMP threads that sleep until the program ends.
void start_sleeping_team(int threads) {
  std::promise<void> started;
  std::future<void> is_started = started.get_future();
  std::thread first([threads, started = std::move(started)]() mutable {
#pragma omp parallel num_threads(threads)
    {
      if (omp_get_thread_num() == 0) started.set_value();
      for (;;) ::pause();  // within the region: they would spin at its end
    }
  });
  first.detach();
  is_started.wait();
}

/// On this thread and those of LibTorch that share its operators.
void set_denormals_on_all(Denormals mode) {
  set_denormals(mode);
  at::parallel_for(0, at::get_num_threads(), 1, [mode](int64_t, int64_t) { set_denormals(mode); });
}

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

// libgomp reads how long to spin when it is loaded, before any code here runs. What shortens it
// later is that there are more OpenMP threads than cores, asleep or not (its wait.h: do_spin and
// gomp_throttled_spin_count_var). Hence a team that only makes up the number.
void let_idle_threads_sleep() {
  if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT")) return;
  static std::mutex mutex;
  static int sleeping = 0;  // threads that sleeping teams add to their first
  std::lock_guard lock(mutex);
  int threads = at::get_num_threads(), needed = omp_get_num_procs() + 1 - threads;
  if (threads == 1 || needed <= sleeping) return;
  try {
    start_sleeping_team(needed - sleeping + 1);
  } catch (const std::system_error& e) {
    fail(Code::resource, "no thread can be had: {}\nSet --threads.", e.what());
  }
  sleeping = needed;
}

ComputeScope::ComputeScope() : before_(denormals()) {
  let_idle_threads_sleep();
  set_denormals_on_all(Denormals::flush);
}

ComputeScope::~ComputeScope() { set_denormals_on_all(before_); }

WithWorkers::LibtorchThreads::LibtorchThreads(bool one) : before(at::get_num_threads()) {
  if (one) at::set_num_threads(1);
}

WithWorkers::LibtorchThreads::~LibtorchThreads() { at::set_num_threads(before); }

WithWorkers::WithWorkers(Workers& workers, bool one_libtorch_thread)
    : libtorch_threads_(one_libtorch_thread), outer_(workers_in_use) {
  workers_in_use = &workers;
}

WithWorkers::~WithWorkers() { workers_in_use = outer_; }

void share_loop(int64_t turns, const std::function<void(int64_t)>& turn) {
  if (workers_in_use) {
    return workers_in_use->team().each(turns, [&](int, int64_t i) { turn(i); });
  }
  at::parallel_for(0, turns, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) turn(i);
  });
}

}  // namespace elbo
