// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "elbo/kernels/buffer.h"
#include "elbo/kernels/gemm.h"
#include "elbo/kernels/testing.h"

namespace elbo {
namespace {

constexpr float kUntouched = 7.5f;

TEST(GemmPieces, TransposesAnyShape) {
  for (Isa isa : machine_isas()) {
    for (int64_t rows : {1, 2, 3, 4, 7, 8, 9, 15, 16, 17, 40}) {
      for (int64_t columns : {1, 3, 4, 5, 8, 15, 16, 33}) {
        int64_t from_stride = columns + 3, to_stride = rows + 2;
        Guarded from(uniforms(static_cast<size_t>(rows * from_stride), -1, 1));
        Guarded to(static_cast<size_t>(columns * to_stride), kUntouched);
        gemm_kernels(isa).transpose(from, from_stride, rows, columns, to, to_stride);
        for (int64_t i = 0; i < columns * to_stride; ++i) {
          int64_t r = i % to_stride, column = i / to_stride;
          ASSERT_EQ(to[i], r < rows ? from[r * from_stride + column] : kUntouched)
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

TEST(Buffer, BeginsOnACacheLineWithZeros) {
  for (int64_t size : {1, 15, 16, 17, 1000}) {
    Buffer buffer(size);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(buffer.data()) % 64, 0u);
    EXPECT_EQ(buffer.size(), size);
    EXPECT_EQ(std::count(buffer.data(), buffer.data() + size, 0.0f), size);
  }
  EXPECT_EQ(Buffer(0).data(), nullptr);
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

// What convolutions ask for: patches of images read in place.
TEST(GemmPieces, MultipliesStrewnRowsAsIfTheyLayTogether) {
  constexpr int64_t kM = 21, kN = 37;
  for (Isa isa : machine_isas()) {
    for (auto [k, piece] : {std::pair{12, 3}, {60, 60}, {700, 28}, {1300, 650}, {9, 0}}) {
      for (bool a_transposed : {false, true}) {
        for (bool add : {false, true}) {
          auto a = uniforms(static_cast<size_t>(kM * k), -1, 1, 1);
          auto b = uniforms(static_cast<size_t>(k * kN), -1, 1, 2);
          auto c = uniforms(static_cast<size_t>(kM * kN), -1, 1, 3);
          int64_t a_rows = a_transposed ? k : kM, a_columns = a_transposed ? kM : k;
          Strewn a_strewn(a_rows, a_columns, a_transposed ? 0 : piece, a);
          Strewn b_strewn(k, kN, 10, b), c_strewn(kM, kN, 0, c);

          Gemm g{kM,       kN, k,     a.data(), a_columns, a_transposed,
                 b.data(), kN, false, c.data(), kN,        add};
          Gemm strewn = g;
          if (!a_transposed) g.a_piece = piece, g.a_piece_stride = piece;
          strewn.a = a_strewn.at.data(), strewn.a_rows = a_strewn.starts.data();
          strewn.b = b_strewn.at.data(), strewn.b_rows = b_strewn.starts.data();
          strewn.c = c_strewn.at.data(), strewn.c_rows = c_strewn.starts.data();
          if (!a_transposed) strewn.a_piece = piece, strewn.a_piece_stride = a_strewn.piece_stride;
          strewn.b_piece = b_strewn.piece, strewn.b_piece_stride = b_strewn.piece_stride;

          const GemmKernels& kernels = gemm_kernels(isa);
          Guarded scratch(kGemmScratch, kNaN);
          Panels panels(kN, kernels.lanes);
          for (int64_t p = 0; p < panels.count(); ++p) {
            Block block{2, kM - 2, panels.begin(p), panels.width(p)};
            kernels.block(g, block, scratch);
            kernels.block(strewn, block, scratch);
          }
          EXPECT_TRUE(scratch.is_intact());
          for (int64_t r = 0; r < kM; ++r) {
            for (int64_t i = 0; i < kN; ++i) {
              ASSERT_EQ(c_strewn.at[c_strewn.place(r, i)], c[static_cast<size_t>(r * kN + i)])
                  << name_of(isa) << " k " << k << " transposed " << a_transposed << " at " << r
                  << ", " << i;
            }
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace elbo
