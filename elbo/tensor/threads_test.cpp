// SPDX-License-Identifier: Apache-2.0
#include "elbo/tensor/threads.h"

#include <ATen/ops/full.h>
#include <ATen/ops/mul.h>
#include <gtest/gtest.h>

#include <limits>
#include <mutex>
#include <set>
#include <thread>

#include "elbo/tensor/testing.h"

namespace elbo {
namespace {

using testing::idle_processor_seconds;
using testing::Threads;

constexpr int64_t kElements = 1 << 20;  // enough for an operator to use several threads

/// How many denormals come out where an operator halves the least normal number.
int64_t denormals_of_operator() {
  constexpr float kLeastNormal = std::numeric_limits<float>::min();
  Tensor halves = at::mul(at::full({kElements}, kLeastNormal), 0.5);
  return (halves.view(at::kInt) != 0).sum().item<int64_t>();  // bits: comparisons flush, too
}

class ComputeScopeTest : public ::testing::Test {
 protected:
  void SetUp() override {
#if !defined(__x86_64__)
    GTEST_SKIP() << "denormals stay as they are on this machine";
#endif
    ASSERT_EQ(denormals_of_operator(), kElements) << "LibTorch's threads begin without flushing";
  }
  Threads threads{3};
};

TEST_F(ComputeScopeTest, NoDenormalComesOutOfAnOperatorOnAnyThread) {
  {
    FlushDenormals here_alone;
    int64_t found = denormals_of_operator();
    ASSERT_GT(found, 0) << "other threads have a share";
    ASSERT_LT(found, kElements) << "this thread has a share";
  }
  ComputeScope scope;
  EXPECT_EQ(denormals_of_operator(), 0);
  at::set_num_threads(5);
  EXPECT_EQ(denormals_of_operator(), 0) << "with threads that began meanwhile";
}

TEST_F(ComputeScopeTest, LeavesDenormalsAsTheyWereOnEveryThread) {
  {
    ComputeScope outer;
    { ComputeScope inner; }
    EXPECT_EQ(denormals_of_operator(), 0);
  }
  EXPECT_EQ(denormals(), Denormals::keep);
  EXPECT_EQ(denormals_of_operator(), kElements);
}

TEST_F(ComputeScopeTest, HoldsWithWorkers) {
  Workers two(2);
  for (bool one_libtorch_thread : {true, false}) {
    {
      WithWorkers guard(two, one_libtorch_thread);
      EXPECT_EQ(denormals_of_operator(), 0);
    }
    EXPECT_EQ(denormals_of_operator(), kElements);
  }
}

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

// By default they would spin for 300,000 looks.
TEST(IdleThreads, SleepWhateverTheirNumber) {
  for (int count : {2, 3, 1, 2}) {
    Threads threads(count);
    let_idle_threads_sleep();
    EXPECT_LT(idle_processor_seconds(denormals_of_operator), 1e-3) << count << " threads";
  }
}

}  // namespace
}  // namespace elbo
