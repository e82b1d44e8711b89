// SPDX-License-Identifier: Apache-2.0
#include "elbo/kernels/gemm.h"

#include <gtest/gtest.h>

#include "elbo/kernels/testing.h"

namespace elbo {
namespace {

constexpr float kUntouched = 7.5f;

/// A matrix whose rows lie `pad` floats further apart than they are long; `outside` between them.
struct Matrix {
  Matrix(int64_t rows, int64_t columns, int64_t pad, float outside, uint64_t seed)
      : stride(columns + pad), at(static_cast<size_t>(rows * stride), outside) {
    auto values = uniforms(static_cast<size_t>(rows * columns), -1, 1, seed);
    for (int64_t i = 0; i < rows * columns; ++i) {
      at[i / columns * stride + i % columns] = values[static_cast<size_t>(i)];
    }
  }
  int64_t stride;
  Guarded at;
};

/// A product with its operands: NaN is in no place that belongs to them.
struct Problem {
  Problem(int64_t m, int64_t n, int64_t k, int orientation)
      : a_transposed(orientation & 1),
        b_transposed(orientation & 2),
        add(orientation & 4),
        a(a_transposed ? k : m, a_transposed ? m : k, 3, kNaN, 1),
        b(b_transposed ? n : k, b_transposed ? k : n, 2, kNaN, 2),
        c(m, n, 5, kUntouched, 3),
        g{m,           n,        k,
          a.at.data(), a.stride, a_transposed,
          b.at.data(), b.stride, b_transposed,
          c.at.data(), c.stride, add} {}
  double a_at(int64_t i, int64_t k) {
    return a.at[a_transposed ? k * a.stride + i : i * a.stride + k];
  }
  double b_at(int64_t k, int64_t j) {
    return b.at[b_transposed ? j * b.stride + k : k * b.stride + j];
  }

  bool a_transposed, b_transposed, add;
  Matrix a, b, c;
  Gemm g;
};
constexpr int kOrientations = 8;

/// All of C with its padding, by blocks of `rows` rows and one panel, or of `columns` columns.
std::vector<float> product(Isa isa, Problem& p, int64_t rows, int64_t columns = 0) {
  const GemmKernels& kernels = gemm_kernels(isa);
  Guarded scratch(kGemmScratch, kNaN), c(p.c.at.values());
  Gemm g = p.g;
  g.c = c;
  if (!g.add) {  // then C is not read
    for (int64_t i = 0; i < g.m * g.n; ++i) c[i / g.n * g.ldc + i % g.n] = kNaN;
  }
  Panels panels(g.n, kernels.lanes);
  int64_t count = columns ? (g.n + columns - 1) / columns : panels.count();
  for (int64_t i = 0; i < count; ++i) {
    int64_t begin = columns ? i * columns : panels.begin(i);
    int64_t width = columns ? std::min(columns, g.n - begin) : panels.width(i);
    for (int64_t r = 0; r < g.m; r += rows) {
      kernels.block(g, {r, std::min(rows, g.m - r), begin, width}, scratch);
    }
  }
  EXPECT_TRUE(c.is_intact());
  EXPECT_TRUE(scratch.is_intact());
  return c.values();
}

// No term passes through more than k + 1 roundings, its product's and those of the sums, so the
// error is below (k + 1) 2^-24 (|c| + sum |a b|).
TEST(Gemm, EqualsADoubleProductWithinItsRoundings) {
  for (int64_t n : {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 25, 33, 48, 49, 100}) {
    for (auto [m, k] : {std::pair{1, 1},
                        {2, 3},
                        {3, 0},
                        {4, 16},
                        {5, 17},
                        {6, 7},
                        {7, 33},
                        {8, 2},
                        {9, 129},
                        {17, 8},
                        {3, 300},
                        {2, 1550}}) {
      for (int orientation = 0; orientation < kOrientations; ++orientation) {
        Problem p(m, n, k, orientation);
        std::vector<double> want, bound;
        for (int64_t i = 0; i < m * p.c.stride; ++i) {
          int64_t row = i / p.c.stride, column = i % p.c.stride;
          double sum = column >= n || p.add ? p.c.at[i] : 0, size = std::abs(sum);
          for (int64_t j = 0; column < n && j < k; ++j) {
            double term = p.a_at(row, j) * p.b_at(j, column);
            sum += term;
            size += std::abs(term);
          }
          want.push_back(sum);
          bound.push_back(column < n ? (k + 1) * std::ldexp(size, -24) : 0);
        }
        for (Isa isa : machine_isas()) {
          auto got = product(isa, p, m);
          for (size_t i = 0; i < want.size(); ++i) {
            ASSERT_LE(std::abs(got[i] - want[i]), bound[i])
                << name_of(isa) << " m " << m << " n " << n << " k " << k << " orientation "
                << orientation << " element " << i << ": " << got[i] << " for " << want[i];
          }
        }
      }
    }
  }
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
