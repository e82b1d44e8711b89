// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "elbo/kernels/buffer.h"
#include "elbo/kernels/gemm_testing.h"

namespace elbo {
namespace {

TEST(GemmPieces, TransposesAnyShape) {
  for (Isa isa : machine_isas()) {
    for (int64_t rows : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 40}) {
      for (int64_t columns : {1, 3, 4, 5, 8, 15, 16, 33}) {
        int64_t from_stride = columns + 3, to_stride = rows + 2;
        Guarded from(uniforms(static_cast<size_t>(rows * from_stride), -1, 1));
        Guarded to(static_cast<size_t>(columns * to_stride), kUntouched);
        gemm_kernels(isa).transpose({from, from_stride}, rows, columns, {to, to_stride});
        for (int64_t i = 0; i < columns * to_stride; ++i) {
          int64_t r = i % to_stride, column = i / to_stride;
          ASSERT_EQ(to[i], r < rows ? from[r * from_stride + column] : kUntouched)
              << name_of(isa) << " " << rows << " by " << columns;
        }
        EXPECT_TRUE(to.is_intact());

        // Rows listed from the last to the first are as those of the matrix upside down.
        std::vector<int32_t> falling_from, falling_to;
        for (int64_t r = rows; r-- > 0;) falling_from.push_back(int32_t(r * from_stride));
        for (int64_t r = columns; r-- > 0;) falling_to.push_back(int32_t(r * to_stride));
        Guarded listed(static_cast<size_t>(columns * to_stride), kUntouched);
        gemm_kernels(isa).transpose({from, 0, falling_from.data()}, rows, columns,
                                    {listed, 0, falling_to.data()});
        for (int64_t i = 0; i < columns * to_stride; ++i) {
          int64_t r = i % to_stride, column = i / to_stride;
          int64_t mirrored = (columns - 1 - column) * to_stride + rows - 1 - r;
          ASSERT_EQ(listed[i], r < rows ? to[mirrored] : kUntouched);
        }
        EXPECT_TRUE(listed.is_intact());
      }
    }
  }
}

TEST(GemmPieces, AddsABlockAndTouchesNothingElse) {
  for (Isa isa : machine_isas()) {
    for (int64_t rows : {1, 2, 4, 5}) {
      for (int64_t columns : {1, 3, 4, 7, 8, 12, 16, 17, 40}) {
        int64_t from_stride = columns + 3, to_stride = columns + 2;
        Guarded from(uniforms(static_cast<size_t>(rows * from_stride), -1, 1, 1));
        Guarded to(uniforms(static_cast<size_t>(rows * to_stride), -1, 1, 2));
        std::vector<float> before = to.values();
        gemm_kernels(isa).add_block(from, from_stride, rows, columns, to, to_stride);
        for (int64_t i = 0; i < rows * to_stride; ++i) {
          int64_t r = i / to_stride, column = i % to_stride;
          float more = column < columns ? from[r * from_stride + column] : 0;
          ASSERT_EQ(to[i], before[static_cast<size_t>(i)] + more)
              << name_of(isa) << " " << rows << " by " << columns;
        }
        EXPECT_TRUE(to.is_intact());
      }
    }
  }
}

TEST(GemmPieces, FindsAllNonZerosInOrder) {
  for (Isa isa : machine_isas()) {
    for (size_t n = 0; n <= 40; ++n) {
      auto x = uniforms(n, -1, 1, n + 1);
      for (size_t i = 0; i < n; i += 3) x[i] = i % 2 ? -0.0f : 0.0f;
      if (n > 7) x[7] = kNaN;
      std::vector<int32_t> columns(n, -1), want;
      std::vector<float> values(n), want_values;
      auto count = gemm_kernels(isa).find_nonzeros(x.data(), static_cast<int64_t>(n),
                                                   columns.data(), values.data());
      for (size_t i = 0; i < n; ++i) {
        if (x[i] == 0) continue;
        want.push_back(static_cast<int32_t>(i));
        want_values.push_back(x[i]);
      }
      columns.resize(static_cast<size_t>(count));
      values.resize(static_cast<size_t>(count));
      EXPECT_EQ(columns, want);
      EXPECT_TRUE(same_bits(values, want_values));
    }
  }
}

TEST(Panels, CoverAllColumnsOnceInNearlyEqualWidths) {
  for (int64_t lanes : {4, 8, 16}) {
    for (int64_t columns = 1; columns <= 500; ++columns) {
      Panels panels(columns, lanes);
      int64_t widest = 0, narrowest = kPanelVectors;
      EXPECT_EQ(panels.begin(0), 0);
      EXPECT_EQ(panels.begin(panels.count()), columns);
      for (int64_t i = 0; i < panels.count(); ++i) {
        int64_t vectors = (panels.width(i) + lanes - 1) / lanes;
        EXPECT_EQ(panels.begin(i) % lanes, 0);
        EXPECT_GT(panels.width(i), 0);
        widest = std::max(widest, vectors);
        narrowest = std::min(narrowest, vectors);
      }
      EXPECT_LE(widest, std::min(kPanelVectors, narrowest + 1)) << columns << " by " << lanes;
    }
  }
  EXPECT_EQ(Panels(0, 8).count(), 0);
}

TEST(Panels, AreAsManyForEachMemberWhereTheyStayTwoVectorsWide) {
  for (int64_t columns : {1, 16, 100, 400, 784, 3136}) {
    for (int64_t members = 1; members <= 20; ++members) {
      Panels panels(columns, 16), shared = panels.shared_by(members);
      EXPECT_EQ(shared.begin(shared.count()), columns);
      if (shared.count() == panels.count()) continue;
      EXPECT_EQ(shared.count() % members, 0) << columns << " for " << members;
      for (int64_t i = 0; i < shared.count(); ++i) EXPECT_GT(shared.width(i), 16);
    }
  }
  EXPECT_EQ(Panels(400, 16).count(), 9);
  EXPECT_EQ(Panels(400, 16).shared_by(2).count(), 10);
  EXPECT_EQ(Panels(400, 16).shared_by(16).count(), 9);
}

TEST(Buffer, BeginsOnACacheLineWithZeros) {
  for (int64_t size : {1, 15, 16, 17, 1000}) {
    Buffer buffer(size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u);
    EXPECT_EQ(buffer.size(), size);
    EXPECT_EQ(std::count(buffer.data(), buffer.data() + size, 0.0f), size);
  }
  EXPECT_EQ(Buffer(0).data(), nullptr);
}

TEST(GemmPieces, MultipliesStrewnRowsAsIfTheyLayTogether) {
  for (Isa isa : machine_isas()) {
    SCOPED_TRACE(name_of(isa));
    expect_strewn_as_together(gemm_kernels(isa).block, gemm_kernels(isa).lanes, kPanelVectors);
  }
}

}  // namespace
}  // namespace elbo
