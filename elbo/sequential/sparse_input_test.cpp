// SPDX-License-Identifier: Apache-2.0
#include "elbo/sequential/sparse_input.h"

#include <gtest/gtest.h>

namespace elbo::sequential {
namespace {

constexpr int64_t kRows = 20, kWidth = 50;

/// Whether a batch is walked as lists that has so many non-zeros, where up to `most` are.
bool is_walked(int64_t nonzeros, double most) {
  Workers workers(2);
  std::vector<float> x(kRows * kWidth);
  std::fill_n(x.begin(), nonzeros, 1.0f);
  SparseInput sparse(kWidth, most);
  sparse.reserve(kRows);
  sparse.read(Work(workers, kRows), x.data());
  return sparse.is_sparse();
}

TEST(SparseInput, IsWalkedUpToTheShareThatPays) {
  for (double most : {0.1, 0.3, 1.0}) {
    auto count = static_cast<int64_t>(most * kRows * kWidth);
    EXPECT_TRUE(is_walked(0, most));
    EXPECT_TRUE(is_walked(count, most));
    if (most < 1) EXPECT_FALSE(is_walked(count + 1, most));
  }
}

TEST(SparseInput, IsNotLookedAtWhereSkippingNeverPays) {
  SparseInput sparse(kWidth, 0);
  sparse.reserve(kRows);
  EXPECT_FALSE(sparse.has_room());
  EXPECT_FALSE(is_walked(0, 0));
}

}  // namespace
}  // namespace elbo::sequential
