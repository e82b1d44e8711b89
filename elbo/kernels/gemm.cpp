// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set. The scheme is Goto & van de Geijn's (2008): a panel of
// op(B) is packed into the first-level cache and stays there while rows of op(A) pass by; kRows by
// up to kPanelVectors vectors of C are held in registers.
#include "elbo/kernels/gemm.h"

#include "elbo/kernels/gemm_pack.h"

namespace elbo::ELBO_ISA {
namespace {

#if defined(__AVX512F__)
constexpr int kRows = 8;
#else
constexpr int kRows = 4;
#endif

void add_block(const float* from, int64_t from_stride, int64_t rows, int64_t columns, float* to,
               int64_t to_stride) {
  for (int64_t r = 0; r < rows; ++r, from += from_stride, to += to_stride) {
    for_each_vec(columns, [&](int64_t i, int64_t n) {
      store_n(to + i, load_n(to + i, n) + load_n(from + i, n), n);
    });
  }
}

int64_t find_nonzeros(const float* x, int64_t n, int32_t* columns, float* values) {
  int64_t count = 0, i = 0;
#if defined(__AVX512F__)
  // Whole vectors are written: there is room for as many elements as were looked at.
  __m512i places = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  for (; i + kLanes <= n; i += kLanes) {
    __m512 all = _mm512_loadu_ps(x + i);
    __mmask16 found = _mm512_cmp_ps_mask(all, _mm512_setzero_ps(), _CMP_NEQ_UQ);
    _mm512_storeu_si512(columns + count, _mm512_maskz_compress_epi32(found, places));
    _mm512_storeu_ps(values + count, _mm512_maskz_compress_ps(found, all));
    count += __builtin_popcount(found);
    places = _mm512_add_epi32(places, _mm512_set1_epi32(kLanes));
  }
#endif
  for (; i < n; ++i) {
    columns[count] = static_cast<int32_t>(i);
    values[count] = x[i];
    count += x[i] != 0.0f;
  }
  return count;
}

/// How op(A) lies in memory: by rows, in pieces of a row; or by columns, which begin at one
/// distance or where a list says.
enum class Lie { rows, columns, listed_columns };

/// What tiles of one panel have in common.
struct Strip {
  int64_t pieces, depth, piece_stride;  // of op(A)'s rows; one piece where it lies by columns
  int64_t lda;
  const int32_t* a_columns;
  const float* panel;
  bool add;
  int64_t last;  // columns in the panel's last vector
};

/// Rows of C, which begin at c[r], by kVectors vectors. By rows, a[r] is where op(A)'s begin; by
/// columns, a[0] is where the first row of all columns is.
template <int kHeight, int kVectors, Lie kLie>
void tile(const Strip& s, const float* const* a, float* const* c) {
  Vec sum[kHeight][kVectors];
  constexpr int kLast = kVectors - 1;
#pragma GCC unroll 8
  for (int r = 0; r < kHeight; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = Vec{};
  }
  const float* row[kHeight];
#pragma GCC unroll 8
  for (int r = 0; r < kHeight; ++r) row[r] = kLie == Lie::rows ? a[r] : a[0] + r;
  const float* b = s.panel;
  for (int64_t piece = 0; piece < s.pieces; ++piece) {
    for (int64_t k = 0; k < s.depth; ++k, b += kVectors * kLanes) {
      Vec panel[kVectors];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) panel[v] = load(b + v * kLanes);
      int64_t column = kLie == Lie::columns          ? k * s.lda
                       : kLie == Lie::listed_columns ? int64_t{s.a_columns[k]}
                                                     : 0;
#pragma GCC unroll 8
      for (int r = 0; r < kHeight; ++r) {
        Vec factor = splat(kLie == Lie::rows ? row[r][k] : a[0][column + r]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) sum[r][v] = multiply_add(factor, panel[v], sum[r][v]);
      }
    }
#pragma GCC unroll 8
    for (int r = 0; r < kHeight; ++r) row[r] += s.piece_stride;
  }
  if (s.add) {
#pragma GCC unroll 8
    for (int r = 0; r < kHeight; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < kLast; ++v) sum[r][v] += load(c[r] + v * kLanes);
      sum[r][kLast] += load_n(c[r] + kLast * kLanes, s.last);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kHeight; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kLast; ++v) store(c[r] + v * kLanes, sum[r][v]);
    store_n(c[r] + kLast * kLanes, sum[r][kLast], s.last);
  }
}

using Tile = void (*)(const Strip&, const float* const*, float* const*);

template <int kVectors, Lie kLie>
constexpr Tile kTiles[8] = {
    tile<1, kVectors, kLie>, tile<2, kVectors, kLie>,
    tile<3, kVectors, kLie>, tile<4, kVectors, kLie>,
#if defined(__AVX512F__)
    tile<5, kVectors, kLie>, tile<6, kVectors, kLie>,
    tile<7, kVectors, kLie>, tile<8, kVectors, kLie>,
#endif
};

template <Lie kLie>
const Tile* tiles(int64_t vectors) {
  return vectors == 1 ? kTiles<1, kLie> : vectors == 2 ? kTiles<2, kLie> : kTiles<3, kLie>;
}

const Tile* tiles(const Gemm& g, int64_t vectors) {
  if (!g.a_transposed) return tiles<Lie::rows>(vectors);
  return g.a_rows ? tiles<Lie::listed_columns>(vectors) : tiles<Lie::columns>(vectors);
}

/// The block's panel from row k on, with `stride` elements to a row: as it lies in op(B) where that
/// has such rows, else packed into out.
const float* pack(const Gemm& g, int64_t k, int64_t depth, const Block& block, float* out,
                  int64_t stride) {
  bool is_plain = !g.b_transposed && !g.b_rows;
  if (is_plain && g.ldb == stride && block.columns == stride) return g.b + k * g.ldb + block.column;
  if (g.b_transposed) {
    transpose_block<true>({g.b + block.column * g.ldb + k, g.ldb}, block.columns, depth,
                          {out, stride});
  } else {
    pack_rows(g, k, depth, block, out, stride);
  }
  return out;
}

/// All rows of the block under the packed part of a panel, which begins at op(B)'s row k.
void pass_rows(const Gemm& g, const Block& block, int64_t k, const Strip& strip,
               const Tile* tiles) {
  const float* first = g.a;
  if (!g.a_transposed) {
    first += place_in_a(g, k);
  } else if (!g.a_rows) {
    first += k * g.lda;
  }
  for (int64_t r = 0, height; r < block.rows; r += height) {
    int64_t row = block.row + r;
    height = rows_together(g, row, block.rows - r, kRows);
    const float* a[kRows];
    float* c[kRows];
    if (g.a_transposed) a[0] = first + place_in_a(g, row);
    for (int64_t i = 0; i < height; ++i) {
      if (!g.a_transposed) a[i] = first + (g.a_rows ? g.a_rows[row + i] : (row + i) * g.lda);
      c[i] = c_row(g, block, r + i);
    }
    tiles[height - 1](strip, a, c);
  }
}

void gemm_block(const Gemm& g, const Block& block, float* scratch) {
  int64_t vectors = (block.columns + kLanes - 1) / kLanes, stride = vectors * kLanes;
  if (g.k == 0 && !g.add) clear(g, block);
  for (int64_t k = 0; k < g.k;) {
    Chain chain = chain_at(g, k, kGemmDepth);
    const float* panel = pack(g, k, chain.elements(), block, scratch, stride);
    Strip strip{chain.pieces,
                chain.depth,
                g.a_piece_stride,
                g.lda,
                g.a_rows ? g.a_rows + k : nullptr,
                panel,
                g.add || k > 0,
                block.columns - (vectors - 1) * kLanes};
    pass_rows(g, block, k, strip, tiles(g, vectors));
    k += chain.elements();
  }
}

/// Adds up rows of op(B), by kGemmDepth of them as in a dense product.
template <int kVectors>
void sparse_rows(const Gemm& g, const SparseRows& a, const Block& block, const float* panel) {
  constexpr int64_t kStride = kVectors * kLanes;
  int64_t last = block.columns - (kVectors - 1) * kLanes;
  for (int64_t r = 0; r < block.rows; ++r) {
    float* c = c_row(g, block, r);
    Vec total[kVectors] = {};
    if (g.add) {
      for (int v = 0; v + 1 < kVectors; ++v) total[v] = load(c + v * kLanes);
      total[kVectors - 1] = load_n(c + (kVectors - 1) * kLanes, last);
    }
    int32_t i = a.starts[block.row + r], end = a.ends[block.row + r];
    while (i < end) {
      int64_t next = (a.columns[i] / kGemmDepth + 1) * kGemmDepth;
      Vec sum[kVectors] = {};
      for (; i < end && a.columns[i] < next; ++i) {
        const float* row = panel + a.columns[i] * kStride;
        Vec value = splat(a.values[i]);
#pragma GCC unroll 4
        for (int v = 0; v < kVectors; ++v) {
          sum[v] = multiply_add(value, load(row + v * kLanes), sum[v]);
        }
      }
      for (int v = 0; v < kVectors; ++v) total[v] += sum[v];
    }
    for (int v = 0; v + 1 < kVectors; ++v) store(c + v * kLanes, total[v]);
    store_n(c + (kVectors - 1) * kLanes, total[kVectors - 1], last);
  }
}

void sparse_gemm_block(const Gemm& g, const SparseRows& a, const Block& block, float* scratch) {
  int64_t vectors = (block.columns + kLanes - 1) / kLanes;
  const float* panel = pack(g, 0, g.k, block, scratch, vectors * kLanes);
  (vectors == 1   ? sparse_rows<1>
   : vectors == 2 ? sparse_rows<2>
                  : sparse_rows<3>)(g, a, block, panel);
}

}  // namespace

extern const GemmKernels kGemms;
const GemmKernels kGemms = {kLanes,    gemm_block,   sparse_gemm_block, transpose_block<false>,
                            add_block, find_nonzeros};

}  // namespace elbo::ELBO_ISA
