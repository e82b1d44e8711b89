// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/threads.h"

#include <gtest/gtest.h>

#include <mutex>
#include <set>
#include <thread>

#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::Threads;

TEST(ShareLoop, GoesToAllOfLibTorchsThreads) {
  Threads threads(3);
  std::mutex mutex;
  std::set<std::thread::id> seen;
  share_loop(3, [&](int64_t) {
    std::lock_guard lock(mutex);
    seen.insert(std::this_thread::get_id());
  });
  EXPECT_EQ(seen.size(), 3u);
}

}  // namespace
}  // namespace elbo
