// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "elbo/kernels/gemm_bf16_testing.h"

namespace elbo {
namespace {

/// op(B) of g packed by ranges of `rows` stored rows, the last range first.
std::vector<uint32_t> packed(const Bf16Kernels& kernels, const Gemm& g, int64_t rows) {
  constexpr uint32_t kSentinel = 0xFFC3FFC3;  // NaN, wherever it is left
  constexpr size_t kGuard = 64;
  auto size = static_cast<size_t>(kernels.packed_size(g));
  std::vector<uint32_t> out(size + kGuard, kSentinel);
  int64_t all = g.b_transposed ? g.n : g.k;
  for (int64_t first = (all - 1) / rows * rows; first >= 0; first -= rows) {
    kernels.pack_b(g, first, std::min(all, first + rows), out.data());
  }
  for (size_t i = size; i < out.size(); ++i) EXPECT_EQ(out[i], kSentinel) << "beyond its size";
  out.resize(size);
  return out;
}

/// p's product from a packed op(B), by blocks of `rows` rows and at most `vectors` vectors.
std::vector<float> packed_product(const Version& v, Problem& p, int64_t packed_rows, int64_t rows,
                                  int64_t vectors) {
  auto b = packed(v.kernels, p.g, packed_rows);
  Gemm g = p.g;
  p.g.b = nullptr, p.g.b_packed = b.data();
  auto out = product(v.kernels.block, v.lanes, vectors, p, rows);
  p.g = g;
  return out;
}

TEST(GemmBf16Packed, GivesTheBitsOfAProductThatPacksForItself) {
  constexpr int64_t kMost = most_vectors(Precision::bf16), kAll = 1000;
  for (auto [m, n, k] : {std::tuple{1, 1, 1},
                         {3, 5, 2},
                         {16, 16, 32},
                         {33, 33, 33},
                         {17, 100, 255},
                         {32, 250, 257},
                         {50, 31, 700},
                         {5, 64, 1550}}) {
    for (int orientation = 0; orientation < kOrientations; ++orientation) {
      Problem p(m, n, k, orientation);
      for (const Version& v : bf16_versions()) {
        auto plain = product(v.kernels.block, v.lanes, kMost, p, m);
        for (int64_t packed_rows : {kPackedRows, 3 * kPackedRows, int64_t{2048}}) {
          EXPECT_TRUE(same_bits(packed_product(v, p, packed_rows, m, kAll), plain))
              << v.name << " " << m << " " << n << " " << k << " rows packed " << packed_rows;
        }
        for (int64_t vectors : {1, 5}) {
          EXPECT_TRUE(same_bits(packed_product(v, p, kPackedRows, 7, vectors), plain))
              << v.name << " " << m << " " << n << " " << k << " vectors " << vectors;
        }
      }
    }
  }
}

// Which is how convolutions ask for them: op(A)'s pieces end chains, and op(B)'s rows are strewn.
TEST(GemmBf16Packed, FollowsThePiecesOfTheOtherFactor) {
  constexpr int64_t kM = 21, kN = 70;
  for (auto [k, piece] :
       {std::pair{12, 3}, {700, 28}, {1300, 650}, {288, 36}, {192, 64}, {81, 27}}) {
    auto a = uniforms(static_cast<size_t>(kM * k), -1, 1, 1);
    auto b = uniforms(static_cast<size_t>(k * kN), -1, 1, 2);
    Strewn a_strewn(kM, k, piece, a), b_strewn(k, kN, 0, b);
    for (const Version& v : bf16_versions()) {
      Guarded scratch(kGemmScratch, kNaN);
      std::vector<float> c(static_cast<size_t>(kM * kN)), c_packed = c;
      Gemm g{.m = kM, .n = kN, .k = k};
      g.a = a_strewn.at.data(), g.a_rows = a_strewn.starts.data();
      g.a_piece = piece, g.a_piece_stride = a_strewn.piece_stride;
      g.b = b_strewn.at.data(), g.b_rows = b_strewn.starts.data();
      g.c = c.data(), g.ldc = kN;
      v.kernels.block(g, {0, kM, 0, kN}, scratch);
      EXPECT_TRUE(std::all_of(c.begin(), c.end(), [](float x) { return std::isfinite(x); }));
      auto whole = packed(v.kernels, g, k);
      g.b = nullptr, g.b_packed = whole.data(), g.c = c_packed.data();
      v.kernels.block(g, {0, kM, 0, kN}, nullptr);
      EXPECT_TRUE(same_bits(c_packed, c)) << v.name << " k " << k << " piece " << piece;
    }
  }
}

TEST(GemmBf16Packed, KeepsWithinItsMatrices) {
  for (const Version& v : bf16_versions()) {
    for (int64_t k : {1, 2, 15, 31, 32, 33, 64, 257}) {
      for (int64_t n : {1, 4, 19, 40}) {
        Edge a(static_cast<size_t>(3 * k), 1), b(static_cast<size_t>(k * n), 1), c(size_t(3 * n));
        for (bool b_transposed : {false, true}) {
          Gemm g{.m = 3, .n = n, .k = k, .a = a, .lda = k};
          g.b = b, g.ldb = b_transposed ? k : n, g.b_transposed = b_transposed;
          g.c = c, g.ldc = n;
          Edge room(static_cast<size_t>(v.kernels.packed_size(g)));
          auto* to = reinterpret_cast<uint32_t*>(room.data());
          v.kernels.pack_b(g, 0, b_transposed ? n : k, to);
          g.b_packed = to;
          v.kernels.block(g, {0, 3, 0, n}, nullptr);
          EXPECT_EQ(c[3 * n - 1], k) << v.name;
        }
      }
    }
  }
}

/// What the tiles do for C = A W^T of a layer, by blocks of 64 rows and so many columns.
TileCounts layer_counts(int64_t m, int64_t n, int64_t k, bool is_packed, int64_t columns) {
  const Bf16Kernels& kernels = tiles_in_software::kBf16Gemms;
  std::vector<float> a(size_t(m * k), 1), w(size_t(n * k), 1), c(size_t(m * n));
  std::vector<float> scratch(kGemmScratch);
  Gemm g{.m = m, .n = n, .k = k, .a = a.data(), .lda = k, .b = w.data(), .ldb = k};
  g.b_transposed = true, g.c = c.data(), g.ldc = n;
  std::vector<uint32_t> b;
  if (is_packed) b = packed(kernels, g, n), g.b_packed = b.data();
  tiles_in_software::counts = {};
  for (int64_t row = 0; row < m; row += 64) {
    for (int64_t column = 0; column < n; column += columns) {
      kernels.block(g, {row, std::min<int64_t>(64, m - row), column, std::min(columns, n - column)},
                    scratch.data());
    }
  }
  return tiles_in_software::counts;
}

// A product of tiles is 16 by 16 by 32 multiply-adds. Each of k's parts but the first begins with
// reading what C holds.
TEST(TileCounts, OfTwoByTwoTilesAreOneReadForEachProduct) {
  for (bool is_packed : {false, true}) {
    TileCounts counts = layer_counts(128, 480, 800, is_packed, is_packed ? 480 : 192);
    EXPECT_EQ(counts.dots, 128 / 16 * 480 / 16 * 800 / 32);
    EXPECT_LE(counts.factor_loads, 1.05 * double(counts.dots));
    EXPECT_LE(counts.sum_loads, (is_packed ? 0.08 : 0.12) * double(counts.dots));
    EXPECT_EQ(counts.sum_stores - counts.sum_loads, 128 / 16 * 480 / 16);
  }
}

TEST(TileCounts, OfPackedWeightsHoldNoPackingInBlocks) {
  constexpr int64_t kPair = 4;
  TileCounts once = layer_counts(128, 480, 800, true, 480);
  EXPECT_EQ(once.b_bytes, 0);
  EXPECT_EQ(once.a_bytes, 128 * 400 * kPair);
  TileCounts anew = layer_counts(128, 480, 800, false, 192);
  EXPECT_EQ(anew.b_bytes, 2 * 480 * 400 * kPair);  // for two blocks of rows
  EXPECT_EQ(anew.a_bytes, 3 * 128 * 400 * kPair);  // for three blocks of columns
}

// Edges take no tile of op(B) or C that has no column, and none of op(A) that has no row.
TEST(TileCounts, OfEdgesAreThoseOfTheirOwnTiles) {
  TileCounts counts = layer_counts(33, 40, 64, true, 40);
  EXPECT_EQ(counts.dots, 3 * 3 * 2);
  EXPECT_EQ(counts.sum_stores, 3 * 3);
  EXPECT_EQ(counts.factor_loads, 2 * (4 + 3 + 3 + 2));
}

}  // namespace
}  // namespace elbo
