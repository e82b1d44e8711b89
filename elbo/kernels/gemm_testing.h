// SPDX-License-Identifier: Apache-2.0
// Products for the tests of gemm.h.
#pragma once

#include <gtest/gtest.h>

#include "elbo/kernels/gemm.h"
#include "elbo/kernels/testing.h"

namespace elbo {

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

/// All of C with its padding as a kernel finds it, by blocks of `rows` rows and at most `vectors`
/// vectors, or of `columns` columns.
inline std::vector<float> product(GemmBlock kernel, int64_t lanes, int64_t vectors, Problem& p,
                                  int64_t rows, int64_t columns = 0) {
  Guarded scratch(kGemmScratch, kNaN), c(p.c.at.values());
  Gemm g = p.g;
  g.c = c;
  if (!g.add) {  // then C is not read
    for (int64_t i = 0; i < g.m * g.n; ++i) c[i / g.n * g.ldc + i % g.n] = kNaN;
  }
  Panels panels(g.n, lanes, vectors);
  int64_t count = columns ? (g.n + columns - 1) / columns : panels.count();
  for (int64_t i = 0; i < count; ++i) {
    int64_t begin = columns ? i * columns : panels.begin(i);
    int64_t width = columns ? std::min(columns, g.n - begin) : panels.width(i);
    for (int64_t r = 0; r < g.m; r += rows) {
      kernel(g, {r, std::min(rows, g.m - r), begin, width}, scratch);
    }
  }
  EXPECT_TRUE(c.is_intact() && scratch.is_intact());
  return c.values();
}

/// Lets f(m, n, k, orientation) see awkward sizes, the widest of more than one block.
template <class F>
void for_each_shape(F f) {
  constexpr std::pair<int, int> kShapes[] = {{1, 1},   {2, 3},  {3, 0},   {4, 16},
                                             {5, 17},  {6, 7},  {7, 33},  {8, 2},
                                             {9, 129}, {17, 8}, {3, 300}, {2, 1550}};
  for (int64_t n : {1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 25, 33, 48, 49, 100, 192, 250}) {
    for (auto [m, k] : kShapes) {
      for (int orientation = 0; orientation < kOrientations; ++orientation) f(m, n, k, orientation);
    }
  }
}

/// Expects of every element of `got` that it is the exact sum within its roundings: no term passes
/// through more than k + 1, its product's and those of the sums, so the error is below
/// (k + 1) 2^-24 (|c| + sum |a b|). `rounded` is what becomes of a factor.
template <class Rounded>
void expect_product(Problem& p, const std::vector<float>& got, Rounded rounded) {
  std::vector<double> a, b;  // [m, k], [n, k]
  for (int64_t i = 0; i < p.g.m * p.g.k; ++i) a.push_back(rounded(p.a_at(i / p.g.k, i % p.g.k)));
  for (int64_t i = 0; i < p.g.n * p.g.k; ++i) b.push_back(rounded(p.b_at(i % p.g.k, i / p.g.k)));
  for (int64_t i = 0; i < p.g.m * p.c.stride; ++i) {
    int64_t row = i / p.c.stride, column = i % p.c.stride;
    double sum = column >= p.g.n || p.add ? p.c.at[i] : 0, size = std::abs(sum);
    for (int64_t j = 0; column < p.g.n && j < p.g.k; ++j) {
      double term = a[size_t(row * p.g.k + j)] * b[size_t(column * p.g.k + j)];
      sum += term;
      size += std::abs(term);
    }
    double bound = column < p.g.n ? static_cast<double>(p.g.k + 1) * std::ldexp(size, -24) : 0;
    ASSERT_LE(std::abs(got[size_t(i)] - sum), bound)
        << "m " << p.g.m << " n " << p.g.n << " k " << p.g.k << " transposed " << p.a_transposed
        << p.b_transposed << " add " << p.add << " element " << i << ": " << got[size_t(i)]
        << " for " << sum;
  }
}

/// A matrix whose rows, in pieces, are strewn over memory in falling order, NaN between them.
struct Strewn {
  Strewn(int64_t rows, int64_t columns, int64_t piece_length, const std::vector<float>& values)
      : piece(piece_length ? piece_length : columns), piece_stride(piece + 3) {
    int64_t length = (columns + piece - 1) / piece * piece_stride + 1;
    at.assign(static_cast<size_t>(rows * length), kNaN);
    for (int64_t r = 0; r < rows; ++r) {
      starts.push_back(static_cast<int32_t>((rows - 1 - r) * length));
      for (int64_t i = 0; i < columns; ++i) {
        at[place(r, i)] = values[static_cast<size_t>(r * columns + i)];
      }
    }
  }
  size_t place(int64_t r, int64_t i) const {
    return static_cast<size_t>(starts[size_t(r)] + i / piece * piece_stride + i % piece);
  }
  int64_t piece, piece_stride;
  std::vector<int32_t> starts;
  std::vector<float> at;
};

/// What convolutions ask for: patches of images read in place, by blocks of `vectors` vectors.
inline void expect_strewn_as_together(GemmBlock kernel, int64_t lanes, int64_t vectors) {
  constexpr int64_t kM = 21, kN = 250;
  for (auto [k, piece] : {std::pair{12, 3},
                          {60, 60},
                          {700, 28},
                          {1300, 650},
                          {288, 36},
                          {72, 24},
                          {192, 64},
                          {9, 0}}) {
    for (int which = 0; which < kOrientations; ++which) {
      bool a_transposed = which & 1, b_transposed = which & 2, add = which & 4;
      auto a = uniforms(static_cast<size_t>(kM * k), -1, 1, 1);
      auto b = uniforms(static_cast<size_t>(k * kN), -1, 1, 2);
      auto c = uniforms(static_cast<size_t>(kM * kN), -1, 1, 3);
      int64_t a_rows = a_transposed ? k : kM, a_columns = a_transposed ? kM : k;
      Strewn a_strewn(a_rows, a_columns, a_transposed ? 10 : piece, a);
      Strewn b_strewn(k, kN, 0, b), c_strewn(kM, kN, 0, c);

      Gemm g{kM,           kN,           k,        a.data(),
             a_columns,    a_transposed, b.data(), b_transposed ? k : kN,
             b_transposed, c.data(),     kN,       add};
      Gemm strewn = g;
      if (!a_transposed) g.a_piece = piece, g.a_piece_stride = piece;
      strewn.a = a_strewn.at.data(), strewn.a_rows = a_strewn.starts.data();
      if (!b_transposed) strewn.b = b_strewn.at.data(), strewn.b_rows = b_strewn.starts.data();
      strewn.c = c_strewn.at.data(), strewn.c_rows = c_strewn.starts.data();
      strewn.a_piece = a_transposed ? 10 : piece, strewn.a_piece_stride = a_strewn.piece_stride;

      Guarded scratch(kGemmScratch, kNaN);
      Panels panels(kN, lanes, vectors);
      for (int64_t p = 0; p < panels.count(); ++p) {
        Block block{2, kM - 2, panels.begin(p), panels.width(p)};
        kernel(g, block, scratch);
        kernel(strewn, block, scratch);
      }
      EXPECT_TRUE(scratch.is_intact());
      for (int64_t r = 0; r < kM; ++r) {
        for (int64_t i = 0; i < kN; ++i) {
          ASSERT_EQ(c_strewn.at[c_strewn.place(r, i)], c[static_cast<size_t>(r * kN + i)])
              << "k " << k << " transposed " << a_transposed << b_transposed << " at " << r << ", "
              << i;
        }
      }
    }
  }
}

/// Matrices of ones at the edge of memory, op(A)'s rows in pieces unless `piece` is 0.
inline void expect_kept_within(GemmBlock kernel, int64_t lanes, int64_t vectors, int64_t m,
                               int64_t n, int64_t k, int64_t piece = 0) {
  auto size = [](int64_t rows, int64_t columns) { return static_cast<size_t>(rows * columns); };
  Edge a(size(m, k), 1), b(size(k, n), 1), c(size(m, n)), scratch(kGemmScratch);
  Panels panels(n, lanes, vectors);
  for (int orientation = 0; orientation < kOrientations; ++orientation) {
    Gemm g{.m = m, .n = n, .k = k};
    g.a_transposed = orientation & 1, g.b_transposed = orientation & 2, g.add = orientation & 4;
    g.a = a, g.lda = g.a_transposed ? m : k;
    g.b = b, g.ldb = g.b_transposed ? k : n;
    g.c = c, g.ldc = n;
    g.a_piece = g.a_piece_stride = g.a_transposed ? 0 : piece;
    float before = c[m * n - 1];
    for (int64_t i = 0; i < panels.count(); ++i) {
      kernel(g, {0, m, panels.begin(i), panels.width(i)}, scratch);
    }
    EXPECT_EQ(c[m * n - 1] - (g.add ? before : 0), k) << m << " by " << n << " by " << k;
  }
}

}  // namespace elbo
