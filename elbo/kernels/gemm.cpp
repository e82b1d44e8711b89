// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set. The scheme is Goto & van de Geijn's (2008): a panel of
// op(B) is packed into the first-level cache and stays there while rows of op(A) pass by; kRows by
// up to kPanelVectors vectors of C are held in registers.
#include "elbo/kernels/gemm.h"

#include <utility>

#include "elbo/kernels/vec.h"

namespace elbo::ELBO_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kRows = 8;
#else
constexpr int kRows = 4;
#endif

inline int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }

template <bool kHigh, int... kPlaces>
inline Vec interleave(Vec a, Vec b, std::integer_sequence<int, kPlaces...>) {
  constexpr int kHalf = kHigh ? kLanes / 2 : 0;
  return __builtin_shufflevector(a, b, kHalf + kPlaces / 2 + (kPlaces % 2 ? kLanes : 0)...);
}

/// The interleaving of the halves of a and b: {a0, b0, a1, b1, ...} of the low or the high half.
template <bool kHigh>
inline Vec interleave(Vec a, Vec b) {
  return interleave<kHigh>(a, b, std::make_integer_sequence<int, kLanes>());
}

/// Transposes a square of vectors.
inline void transpose(Vec (&v)[kLanes]) {
  for (int64_t round = 1; round < kLanes; round *= 2) {
    Vec next[kLanes];
    for (int64_t i = 0; i < kLanes / 2; ++i) {
      next[2 * i] = interleave<false>(v[i], v[i + kLanes / 2]);
      next[2 * i + 1] = interleave<true>(v[i], v[i + kLanes / 2]);
    }
    for (int64_t i = 0; i < kLanes; ++i) v[i] = next[i];
  }
}

/// Rows k of the panel, `width` columns wide, to out [depth, stride]; columns beyond are 0.
void pack_rows(const float* b, int64_t ldb, int64_t depth, int64_t width, float* out,
               int64_t stride) {
  for (int64_t k = 0; k < depth; ++k, b += ldb, out += stride) {
    int64_t i = 0;
    for (; i + kLanes <= width; i += kLanes) store(out + i, load(b + i));
    if (i < width) store(out + i, load_part(b + i, width - i));
  }
}

/// to [columns, rows] = from [rows, columns] transposed. Padded, the rows of `to` are whole
/// vectors, with 0 beyond their ends.
template <bool kPadded>
void transpose_block(const float* from, int64_t from_stride, int64_t rows, int64_t columns,
                     float* to, int64_t to_stride) {
  for (int64_t i = 0; i < rows; i += kLanes) {
    int64_t height = least(kLanes, rows - i);
    for (int64_t j = 0; j < columns; j += kLanes) {
      int64_t width = least(kLanes, columns - j);
      Vec square[kLanes];
      for (int64_t r = 0; r < kLanes; ++r) {
        square[r] = r < height ? load_n(from + (i + r) * from_stride + j, width) : Vec{};
      }
      transpose(square);
      for (int64_t r = 0; r < width; ++r) {
        store_n(to + (j + r) * to_stride + i, square[r], kPadded ? kLanes : height);
      }
    }
  }
}

int64_t find_nonzeros(const float* x, int64_t n, int32_t* columns, float* values) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    columns[count] = static_cast<int32_t>(i);
    values[count] = x[i];
    count += x[i] != 0.0f;
  }
  return count;
}

/// Rows of C by kVectors vectors; the last vector holds `last` columns.
template <int kHeight, int kVectors, bool kTransposed>
void tile(int64_t depth, const float* a, int64_t lda, const float* b, float* c, int64_t ldc,
          bool add, int64_t last) {
  Vec sum[kHeight][kVectors];
  constexpr int kLast = kVectors - 1;
#pragma GCC unroll 8
  for (int r = 0; r < kHeight; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = Vec{};
  }
  if (add) {
#pragma GCC unroll 8
    for (int r = 0; r < kHeight; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kLast; ++v) sum[r][v] = load(c + r * ldc + v * kLanes);
      sum[r][kLast] = load_n(c + r * ldc + kLast * kLanes, last);
    }
  }
  const float* row[kHeight];
#pragma GCC unroll 8
  for (int r = 0; r < kHeight; ++r) row[r] = a + r * lda;
  for (int64_t k = 0; k < depth; ++k, b += kVectors * kLanes) {
    Vec panel[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) panel[v] = load(b + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kHeight; ++r) {
      Vec factor = splat(kTransposed ? a[k * lda + r] : row[r][k]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = multiply_add(factor, panel[v], sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kHeight; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kLast; ++v) store(c + r * ldc + v * kLanes, sum[r][v]);
    store_n(c + r * ldc + kLast * kLanes, sum[r][kLast], last);
  }
}

using Tile = void (*)(int64_t, const float*, int64_t, const float*, float*, int64_t, bool, int64_t);

template <int kVectors, bool kTransposed>
constexpr Tile kTiles[8] = {
    tile<1, kVectors, kTransposed>, tile<2, kVectors, kTransposed>,
    tile<3, kVectors, kTransposed>, tile<4, kVectors, kTransposed>,
#if defined(__AVX512F__)
    tile<5, kVectors, kTransposed>, tile<6, kVectors, kTransposed>,
    tile<7, kVectors, kTransposed>, tile<8, kVectors, kTransposed>,
#endif
};

const Tile* tiles(int64_t vectors, bool transposed) {
  if (transposed)
    return vectors == 1 ? kTiles<1, true> : vectors == 2 ? kTiles<2, true> : kTiles<3, true>;
  return vectors == 1 ? kTiles<1, false> : vectors == 2 ? kTiles<2, false> : kTiles<3, false>;
}

/// The block's panel from row k on, with `stride` elements to a row: as it lies in op(B) where that
/// has such rows, else packed into out.
const float* pack(const Gemm& g, int64_t k, int64_t depth, const Block& block, float* out,
                  int64_t stride) {
  bool is_packed = !g.b_transposed && g.ldb == stride && block.columns == stride;
  if (is_packed) return g.b + k * g.ldb + block.column;
  if (g.b_transposed) {
    transpose_block<true>(g.b + block.column * g.ldb + k, g.ldb, block.columns, depth, out, stride);
  } else {
    pack_rows(g.b + k * g.ldb + block.column, g.ldb, depth, block.columns, out, stride);
  }
  return out;
}

void gemm_block(const Gemm& g, const Block& block, float* scratch) {
  int64_t vectors = (block.columns + kLanes - 1) / kLanes, stride = vectors * kLanes;
  int64_t last = block.columns - (vectors - 1) * kLanes;
  int64_t deepest = kGemmScratch / stride / kLanes * kLanes;
  const Tile* by_height = tiles(vectors, g.a_transposed);
  float* c = g.c + block.row * g.ldc + block.column;
  if (g.k == 0 && !g.add) {
    for (int64_t r = 0; r < block.rows; ++r) {
      for (int64_t i = 0; i < block.columns; ++i) c[r * g.ldc + i] = 0;
    }
  }
  for (int64_t k = 0; k < g.k; k += deepest) {
    int64_t depth = least(deepest, g.k - k);
    const float* panel = pack(g, k, depth, block, scratch, stride);
    const float* a = g.a_transposed ? g.a + k * g.lda + block.row : g.a + block.row * g.lda + k;
    for (int64_t r = 0; r < block.rows; r += kRows) {
      int64_t height = least(kRows, block.rows - r);
      by_height[height - 1](depth, a + (g.a_transposed ? r : r * g.lda), g.lda, panel,
                            c + r * g.ldc, g.ldc, g.add || k > 0, last);
    }
  }
}

template <int kVectors>
void sparse_rows(const SparseRows& a, const Block& block, const float* panel, float* c, int64_t ldc,
                 bool add) {
  constexpr int64_t kStride = kVectors * kLanes;
  int64_t last = block.columns - (kVectors - 1) * kLanes;
  for (int64_t r = 0; r < block.rows; ++r, c += ldc) {
    Vec sum[kVectors] = {};
    if (add) {
      for (int v = 0; v + 1 < kVectors; ++v) sum[v] = load(c + v * kLanes);
      sum[kVectors - 1] = load_n(c + (kVectors - 1) * kLanes, last);
    }
    int32_t end = a.ends[block.row + r];
    for (int32_t i = a.starts[block.row + r]; i < end; ++i) {
      const float* row = panel + a.columns[i] * kStride;
      Vec value = splat(a.values[i]);
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) {
        sum[v] = multiply_add(value, load(row + v * kLanes), sum[v]);
      }
    }
    for (int v = 0; v + 1 < kVectors; ++v) store(c + v * kLanes, sum[v]);
    store_n(c + (kVectors - 1) * kLanes, sum[kVectors - 1], last);
  }
}

void sparse_gemm_block(const Gemm& g, const SparseRows& a, const Block& block, float* scratch) {
  int64_t vectors = (block.columns + kLanes - 1) / kLanes;
  const float* panel = pack(g, 0, g.k, block, scratch, vectors * kLanes);
  float* c = g.c + block.row * g.ldc + block.column;
  (vectors == 1   ? sparse_rows<1>
   : vectors == 2 ? sparse_rows<2>
                  : sparse_rows<3>)(a, block, panel, c, g.ldc, g.add);
}

}  // namespace

extern const GemmKernels kGemms;
const GemmKernels kGemms = {kLanes, gemm_block, sparse_gemm_block, transpose_block<false>,
                            find_nonzeros};

}  // namespace elbo::ELBO_ISA
