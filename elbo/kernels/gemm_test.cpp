// SPDX-License-Identifier: Apache-2.0
#include "elbo/kernels/gemm_testing.h"

#include <gtest/gtest.h>

namespace elbo {
namespace {

std::vector<float> product(Isa isa, Problem& p, int64_t rows, int64_t columns = 0) {
  const GemmKernels& kernels = gemm_kernels(isa);
  return product(kernels.block, kernels.lanes, kPanelVectors, p, rows, columns);
}

TEST(Gemm, EqualsADoubleProductWithinItsRoundings) {
  for_each_shape([](int64_t m, int64_t n, int64_t k, int orientation) {
    Problem p(m, n, k, orientation);
    for (Isa isa : machine_isas()) {
      SCOPED_TRACE(name_of(isa));
      expect_product(p, product(isa, p, m), [](double x) { return x; });
    }
  });
}

TEST(Gemm, BitsDependOnNeitherBlocksNorVectorLength) {
  for (int orientation = 0; orientation < kOrientations; ++orientation) {
    Problem p(23, 101, 700, orientation);
    for (Isa isa : machine_isas()) {
      auto whole = product(isa, p, p.g.m);
      for (int64_t rows : {1, 3, 8, 10}) {
        EXPECT_TRUE(same_bits(product(isa, p, rows), whole)) << name_of(isa) << " rows " << rows;
      }
      for (int64_t columns : {1, 3, 4, 7, 11, 12}) {
        EXPECT_TRUE(same_bits(product(isa, p, 6, columns), whole))
            << name_of(isa) << " columns " << columns;
      }
      if (isa == Isa::scalar) continue;  // it may have no fused multiply-add
      EXPECT_TRUE(same_bits(whole, product(Isa::avx2, p, p.g.m))) << name_of(isa);
    }
  }
}

TEST(Gemm, WritesItsBlockOnly) {
  for (Isa isa : machine_isas()) {
    const GemmKernels& kernels = gemm_kernels(isa);
    Guarded scratch(kGemmScratch);
    const int32_t starts[] = {0, 0, 0, 1, 2, 3, 4, 5, 5, 5, 5};
    const int32_t ends[] = {0, 0, 1, 2, 3, 4, 5, 6, 6, 6, 6};
    const int32_t columns[] = {0, 1, 2, 3, 4, 5};
    const float values[] = {1, 1, 1, 1, 1, 1};
    for (bool sparse : {false, true}) {
      for (int64_t width : {int64_t{1}, kernels.lanes, kernels.lanes * kPanelVectors - 1}) {
        Problem p(11, 60, 7, 0);
        Guarded c(p.c.at.values());
        Gemm g = p.g;
        g.c = c;
        Block block{2, 6, 5, width};
        if (sparse) {
          kernels.sparse_block(g, SparseRows{starts, ends, columns, values}, block, scratch);
        } else {
          kernels.block(g, block, scratch);
        }
        for (int64_t i = 0; i < g.m * g.ldc; ++i) {
          int64_t row = i / g.ldc - block.row, column = i % g.ldc - block.column;
          bool inside = row >= 0 && row < block.rows && column >= 0 && column < width;
          EXPECT_EQ(c[i] != p.c.at[i], inside) << name_of(isa) << " " << i;
        }
      }
    }
  }
}

/// The non-zeros of a matrix's rows, with a gap between the rows.
struct NonZeros {
  NonZeros(Matrix& matrix, int64_t rows, int64_t width) {
    for (int64_t r = 0; r < rows; ++r) {
      starts.push_back(static_cast<int32_t>(values.size()));
      for (int64_t j = 0; j < width; ++j) {
        float value = matrix.at[r * matrix.stride + j];
        if (value == 0) continue;
        columns.push_back(static_cast<int32_t>(j));
        values.push_back(value);
      }
      ends.push_back(static_cast<int32_t>(values.size()));
      columns.push_back(0);
      values.push_back(kNaN);
    }
  }
  SparseRows rows() const { return {starts.data(), ends.data(), columns.data(), values.data()}; }
  std::vector<int32_t> starts, ends, columns;
  std::vector<float> values;
};

TEST(Gemm, SparseBlocksEqualDenseOnesBitForBit) {
  const int64_t m = 19;
  for (auto [n, k] : {std::pair{1, 1}, {2, 5}, {7, 16}, {16, 33}, {53, 3}, {100, 784}, {5, 0}}) {
    for (int orientation : {0, 2, 4, 6}) {  // a as it is
      Problem p(m, n, k, orientation);
      for (int64_t i = 0; i < m * k; ++i) {  // row 0 keeps all, row 1 loses all
        int64_t r = i / k;
        if (r == 1 || (r > 1 && i * 7 % 5)) p.a.at[r * p.a.stride + i % k] = 0;
      }
      std::vector<int32_t> falling;
      for (int64_t r = m; r-- > 0;) falling.push_back(int32_t(r * p.c.stride));
      if (k % 2) p.g.c_rows = falling.data();
      NonZeros a(p.a, m, k);
      for (Isa isa : machine_isas()) {
        const GemmKernels& kernels = gemm_kernels(isa);
        Guarded c(p.c.at.values()),
            scratch(static_cast<size_t>(k * kernels.lanes * kPanelVectors), kNaN);
        Gemm g = p.g;
        g.c = c;
        Panels panels(n, kernels.lanes);
        for (int64_t i = 0; i < panels.count(); ++i) {
          for (int64_t r = 0; r < m; r += 6) {
            kernels.sparse_block(g, a.rows(),
                                 {r, std::min<int64_t>(6, m - r), panels.begin(i), panels.width(i)},
                                 scratch);
          }
        }
        EXPECT_TRUE(same_bits(c.values(), product(isa, p, m)))
            << name_of(isa) << " n " << n << " k " << k << " orientation " << orientation;
        EXPECT_TRUE(c.is_intact() && scratch.is_intact());
      }
    }
  }
}

}  // namespace
}  // namespace elbo
