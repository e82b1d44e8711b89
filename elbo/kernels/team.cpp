// SPDX-License-Identifier: Apache-2.0
#include "elbo/kernels/team.h"

namespace elbo {
namespace {

constexpr int kSpins = 1000;  // some tens of microseconds

/// Until `value` is no longer `old`.
void wait_for_change(const std::atomic<uint32_t>& value, uint32_t old) {
  for (int i = 0; i < kSpins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    std::this_thread::yield();
#endif
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

Team::Team(int members) : size_(members), shares_(static_cast<size_t>(members)) {
  for (int i = 1; i < size_; ++i) threads_.emplace_back([this, i] { serve(i); });
}

Team::~Team() {
  is_over_ = true;
  region_.fetch_add(1, std::memory_order_release);
  region_.notify_all();
  for (std::thread& t : threads_) t.join();
}

void Team::start(void (*call)(void*, int), void* body) {
  call_ = call;
  body_ = body;
  if (size_ > 1) {
    region_.fetch_add(1, std::memory_order_release);
    region_.notify_all();
  }
  call(body, 0);
  wait();
}

void Team::serve(int member) {
  for (uint32_t region = 0;; ++region) {
    wait_for_change(region_, region);
    if (is_over_) return;
    call_(body_, member);
    wait();
  }
}

void Team::wait() {
  uint32_t phase = phase_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 < size_) {
    return wait_for_change(phase_, phase);
  }
  arrived_.store(0, std::memory_order_relaxed);
  for (Share& s : shares_) s.taken.store(0, std::memory_order_relaxed);
  phase_.store(phase + 1, std::memory_order_release);
  if (size_ > 1) phase_.notify_all();
}

}  // namespace elbo
