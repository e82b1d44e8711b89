// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set. As gemm.cpp, with the factors rounded to bf16 when they
// are packed: neighbours in k in pairs, op(B)'s panel [pairs, columns] and some rows of op(A)
// [rows, pairs], which is what instructions for dot products and for tiles read.
#include "elbo/kernels/bf16.h"

namespace elbo::ELBO_ISA {
namespace {

constexpr int64_t kDepth = 2 * kGemmDepth;  // of a chain: as many bytes as in f32
constexpr int64_t kPairs = kDepth / 2;      // from one packed row of op(A) to the next
#if defined(ELBO_HAS_TILES)
constexpr int64_t kGroup = kTileRows;  // rows of op(A) packed together
constexpr int64_t kPairStep = kTilePairs;
#else
constexpr int64_t kGroup = kLanes;
constexpr int64_t kPairStep = 1;
#endif

/// Pairs of elements that a chain takes in registers or tiles.
int64_t pairs_of(const Chain& chain) {
  return ((chain.elements() + 1) / 2 + kPairStep - 1) / kPairStep * kPairStep;
}

/// n elements in pairs, then zeros to the end of a vector.
inline void pack_neighbours(const float* from, int64_t n, uint32_t* out) {
  int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes, out += kLanes) {
    store_pairs(out, pair_neighbours(load(from + i), load(from + i + kLanes)));
  }
  if (i == n) return;
  int64_t first = least(kLanes, n - i), second = n - i - first;
  Vec b = second > 0 ? load_part(from + i + kLanes, second) : Vec{};
  store_pairs(out, pair_neighbours(load_n(from + i, first), b));
}

/// A row of op(A) that lies in pieces. What one piece writes beyond its end the next one mends, and
/// what the last one writes the next row; `out` has room for a vector more.
inline void pack_a_row(const Gemm& g, const Chain& chain, const float* row, uint32_t* out) {
  if (chain.pieces == 1 || chain.depth % 2 == 0) {
    for (int64_t piece = 0; piece < chain.pieces; ++piece, row += g.a_piece_stride) {
      pack_neighbours(row, chain.depth, out + piece * chain.depth / 2);
    }
    return;
  }
  float whole[kDepth];
  float* to = whole;
  for (int64_t piece = 0; piece < chain.pieces; ++piece, row += g.a_piece_stride) {
    for_each_vec(chain.depth,
                 [&](int64_t i, int64_t n) { store_n(to + i, load_n(row + i, n), n); });
    to += chain.depth;
  }
  pack_neighbours(whole, chain.elements(), out);
}

/// Up to kGroup rows of op(A), which lie by columns and together.
void pack_columns(const Gemm& g, const Chain& chain, int64_t row, int64_t height, uint32_t* out) {
  int64_t at = place_in_a(g, row);
  auto column = [&](int64_t k, int64_t first, int64_t n) {
    if (k >= chain.elements()) return Vec{};
    k += chain.k;
    return load_n(g.a + (g.a_rows ? g.a_rows[k] : k * g.lda) + at + first, n);
  };
  for (int64_t first = 0; first < height; first += kLanes) {
    int64_t n = least(kLanes, height - first);
    for (int64_t p = 0; p < pairs_of(chain); p += kLanes) {
      Vec square[kLanes];
      for (int64_t i = 0; i < kLanes; ++i) {
        int64_t k = 2 * (p + i);
        square[i] = reinterpret_cast<Vec>(pair_up(column(k, first, n), column(k + 1, first, n)));
      }
      transpose(square);
      for (int64_t r = 0; r < n; ++r) {
        store(reinterpret_cast<float*>(out + (first + r) * kPairs + p), square[r]);
      }
    }
  }
}

/// Rows of op(A) as [height, kPairs], and room for a vector more.
void pack_a(const Gemm& g, const Chain& chain, int64_t row, int64_t height, uint32_t* out) {
  if (g.a_transposed) return pack_columns(g, chain, row, height, out);
  int64_t at = place_in_a(g, chain.k);
  for (int64_t r = 0; r < height; ++r) {
    int64_t begin = g.a_rows ? g.a_rows[row + r] : (row + r) * g.lda;
    uint32_t* to = out + r * kPairs;
    pack_a_row(g, chain, g.a + begin + at, to);
    for (int64_t p = (chain.elements() + 1) / 2; p < pairs_of(chain); ++p) to[p] = 0;
  }
}

/// Two rows of op(B) in pairs, or one and zeros.
void pack_two_rows(const Gemm& g, int64_t k, bool has_second, const Block& block, uint32_t* out) {
  const float* first = b_row(g, k) + block.column;
  const float* second = has_second ? b_row(g, k + 1) + block.column : nullptr;
  for_each_vec(block.columns, [&](int64_t i, int64_t n) {
    Vec b = has_second ? load_n(second + i, n) : Vec{};
    store_pairs(out + i, pair_up(load_n(first + i, n), b));
  });
}

/// The rows of stored B are op(B)'s columns.
void pack_b_transposed(const Gemm& g, const Chain& chain, const Block& block, uint32_t* out,
                       int64_t stride) {
  for (int64_t j = 0; j < block.columns; j += kLanes) {
    int64_t width = least(kLanes, block.columns - j);
    for (int64_t p = 0; p < pairs_of(chain); p += kLanes) {
      int64_t n = least(2 * kLanes, chain.elements() - 2 * p);
      Vec square[kLanes] = {};
      for (int64_t r = 0; r < width && n > 0; ++r) {
        alignas(64) uint32_t pairs[kLanes];
        pack_neighbours(g.b + (block.column + j + r) * g.ldb + chain.k + 2 * p, n, pairs);
        square[r] = reinterpret_cast<Vec>(load_pairs(pairs));
      }
      transpose(square);
      for (int64_t r = 0; r < least(kLanes, pairs_of(chain) - p); ++r) {
        store(reinterpret_cast<float*>(out + (p + r) * stride + j), square[r]);
      }
    }
  }
}

/// op(B)'s rows of the chain in the block's columns, [pairs, stride].
void pack_b(const Gemm& g, const Chain& chain, const Block& block, uint32_t* out, int64_t stride) {
  if (g.b_transposed) return pack_b_transposed(g, chain, block, out, stride);
  int64_t n = chain.elements();
  for (int64_t i = 0; i < n; i += 2, out += stride) {
    pack_two_rows(g, chain.k + i, i + 1 < n, block, out);
  }
  for (int64_t p = (n + 1) / 2; p < pairs_of(chain); ++p, out += stride) {
    for (int64_t i = 0; i < stride; ++i) out[i] = 0;
  }
}

/// What the rows of a block have in common.
struct Strip {
  int64_t pairs;
  const uint32_t* panel;
  bool add;
  int64_t last;  // columns in the panel's last vector
};

/// Ends a row of C: kVectors vectors of sums.
template <int kVectors>
inline void finish(const Strip& s, const Vec* sum, float* c) {
  for (int v = 0; v < kVectors; ++v) {
    int64_t n = v + 1 < kVectors ? kLanes : s.last;
    Vec out = sum[v];
    if (s.add) out += load_n(c + v * kLanes, n);
    store_n(c + v * kLanes, out, n);
  }
}

#if defined(ELBO_HAS_TILES)

/// Up to 16 rows of C: tiles 0 to 2 hold sums, 3 rows of op(A), 4 to 6 pairs of op(B)'s rows.
template <int kVectors>
void rows_of_c(Tiles& tiles, const Strip& s, const uint32_t* a, int64_t height, float* const* c) {
  constexpr int64_t kWidth = kVectors * kTilePairs, kBytes = kWidth * sizeof(float);
  tiles.zero<0>(), tiles.zero<1>(), tiles.zero<2>();
  for (int64_t p = 0; p < s.pairs; p += kTilePairs) {
    const uint32_t* b = s.panel + p * kWidth;
    tiles.read<3>(a + p, kPairs * sizeof(uint32_t));
    tiles.read<4>(b, kBytes);
    tiles.add_dots<0, 3, 4>();
    if constexpr (kVectors > 1) {
      tiles.read<5>(b + kTilePairs, kBytes);
      tiles.add_dots<1, 3, 5>();
    }
    if constexpr (kVectors > 2) {
      tiles.read<6>(b + 2 * kTilePairs, kBytes);
      tiles.add_dots<2, 3, 6>();
    }
  }
  alignas(64) float sums[kTileRows * kWidth];
  tiles.write<0>(sums, kBytes);
  if constexpr (kVectors > 1) tiles.write<1>(sums + kTilePairs, kBytes);
  if constexpr (kVectors > 2) tiles.write<2>(sums + 2 * kTilePairs, kBytes);
  for (int64_t r = 0; r < height; ++r) {
    Vec sum[kVectors];
    for (int v = 0; v < kVectors; ++v) sum[v] = load(sums + r * kWidth + v * kLanes);
    finish<kVectors>(s, sum, c[r]);
  }
}

#else

struct Tiles {};

#if defined(__AVX512F__)
constexpr int kRows = 8;
#else
constexpr int kRows = 4;
#endif

/// Rows of C by kVectors vectors.
template <int kHeight, int kVectors>
void tile(const Strip& s, const uint32_t* a, float* const* c) {
  Vec sum[kHeight][kVectors];
#pragma GCC unroll 8
  for (int r = 0; r < kHeight; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) sum[r][v] = Vec{};
  }
  const uint32_t* b = s.panel;
  for (int64_t p = 0; p < s.pairs; ++p, b += kVectors * kLanes) {
    Pairs panel[kVectors];
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) panel[v] = load_pairs(b + v * kLanes);
#pragma GCC unroll 8
    for (int r = 0; r < kHeight; ++r) {
      Pairs factors = Pairs{} + a[r * kPairs + p];
#pragma GCC unroll 4
      for (int v = 0; v < kVectors; ++v) sum[r][v] = add_dot(factors, panel[v], sum[r][v]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kHeight; ++r) finish<kVectors>(s, sum[r], c[r]);
}

template <int kVectors>
void rows_of_c(Tiles&, const Strip& s, const uint32_t* a, int64_t height, float* const* c) {
  using Tile = void (*)(const Strip&, const uint32_t*, float* const*);
  constexpr Tile kTiles[] = {
    tile<1, kVectors>,
    tile<2, kVectors>,
    tile<3, kVectors>,
    tile<4, kVectors>,
#if defined(__AVX512F__)
    tile<5, kVectors>,
    tile<6, kVectors>,
    tile<7, kVectors>,
    tile<8, kVectors>,
#endif
  };
  for (int64_t r = 0; r < height; r += kRows) {
    kTiles[least(kRows, height - r) - 1](s, a + r * kPairs, c + r);
  }
}

#endif

/// Part of a block's columns, with its packed part of op(B).
struct Panel {
  Block block;
  int64_t vectors;
  uint32_t* packed;
  Strip strip;
};

/// Cuts a block into panels of nearly equal width, whose packed parts follow each other from
/// `scratch` on; returns how many.
int64_t cut(const Block& block, const Chain& chain, bool add, uint32_t* scratch, Panel* out) {
  int64_t vectors = (block.columns + kLanes - 1) / kLanes;
  int64_t count = (vectors + kPanelVectors - 1) / kPanelVectors;
  for (int64_t i = 0; i < count; ++i) {
    int64_t begin = vectors * i / count, end = vectors * (i + 1) / count;
    int64_t columns = least(end * kLanes, block.columns) - begin * kLanes;
    Block part{block.row, block.rows, block.column + begin * kLanes, columns};
    int64_t last = columns - (end - begin - 1) * kLanes;
    out[i] = {part, end - begin, scratch, {pairs_of(chain), scratch, add, last}};
    scratch += pairs_of(chain) * (end - begin) * kLanes;
  }
  return count;
}

void pass_rows(Tiles& tiles, const Gemm& g, const Chain& chain, const Block& block,
               const Panel* panels, int64_t count) {
  alignas(64) uint32_t a[kGroup * kPairs + kLanes];
#if defined(ELBO_HAS_TILES)
  for (uint32_t& x : a) x = 0;  // tiles read rows that are none
#endif
  for (int64_t r = 0, height; r < block.rows; r += height) {
    height = rows_together(g, block.row + r, block.rows - r, kGroup);
    pack_a(g, chain, block.row + r, height, a);
    for (int64_t p = 0; p < count; ++p) {
      const Panel& panel = panels[p];
      float* c[kGroup];
      for (int64_t i = 0; i < height; ++i) c[i] = c_row(g, panel.block, r + i);
      (panel.vectors == 1   ? rows_of_c<1>
       : panel.vectors == 2 ? rows_of_c<2>
                            : rows_of_c<3>)(tiles, panel.strip, a, height, c);
    }
  }
}

void gemm_block_bf16(const Gemm& g, const Block& block, float* scratch) {
  static_assert(kPairs * kWidePanels * kPanelVectors * kLanes <= kGemmScratch);
  if (g.k == 0 && !g.add) clear(g, block);
  Tiles tiles;
  for (int64_t k = 0; k < g.k;) {
    Chain chain = chain_at(g, k, kDepth);
    Panel panels[kWidePanels];
    auto* packed = reinterpret_cast<uint32_t*>(scratch);
    int64_t count = cut(block, chain, g.add || k > 0, packed, panels);
    for (int64_t p = 0; p < count; ++p) {
      pack_b(g, chain, panels[p].block, panels[p].packed, panels[p].vectors * kLanes);
    }
    pass_rows(tiles, g, chain, block, panels, count);
    k += chain.elements();
  }
}

}  // namespace

extern const GemmBlock kBf16Block;
const GemmBlock kBf16Block = gemm_block_bf16;

}  // namespace elbo::ELBO_ISA
