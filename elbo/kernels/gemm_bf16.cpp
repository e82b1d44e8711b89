// SPDX-License-Identifier: Apache-2.0
// Compiled once for each instruction set. As gemm.cpp, with the factors rounded to bf16 when they
// are packed, as instructions for dot products and for tiles read them; op(B) may come packed.
#include "elbo/kernels/gemm_bf16_pack.h"

namespace elbo::ELBO_ISA {

#if defined(ELBO_TILES_IN_SOFTWARE)
TileCounts counts;
#endif

namespace {

/// What rows of op(A) meet: a panel of one to kPanelStrips strips of op(B).
struct Panel {
  int64_t pairs;
  const uint32_t* b;
  int64_t stride;  // from one strip to the next
  int64_t column;  // of the block, the panel's first
  int64_t width;   // columns of C
  bool add;
};

/// Rows of C: where they begin in the block, and how far they are apart.
struct Rows {
  float* at[kGroup];
  int64_t count;
  int64_t stride;  // 0 where they are strewn
};

#if defined(ELBO_HAS_TILES)

constexpr int kPanelStrips = 2;

/// A tile of C: sums begin with what is there, or with 0, and end there. A whole one is read and
/// written where it lies, others through a copy.
struct TileOfC {
  TileOfC(const Panel& p, const Rows& c, int64_t row, int64_t column)
      : rows(c.at + row),
        column(p.column + column),
        height(least(kTileRows, c.count - row)),
        width(least(kTileSums, p.width - column)),
        bytes(c.stride * static_cast<int64_t>(sizeof(float))),
        is_whole(c.stride > 0 && height == kTileRows && width == kTileSums) {}
  template <int kTile>
  void begin(Tiles& tiles, bool add) const {
    if (!add) return tiles.zero<kTile>();
    if (is_whole) return tiles.read<kTile>(rows[0] + column, bytes);
    alignas(64) float copy[kTileRows * kTileSums] = {};
    for (int64_t r = 0; r < height; ++r) {
      store(copy + r * kTileSums, load_n(rows[r] + column, width));
    }
    tiles.read<kTile>(copy, kTileBytes);
  }
  template <int kTile>
  void end(Tiles& tiles) const {
    if (is_whole) return tiles.write<kTile>(rows[0] + column, bytes);
    alignas(64) float copy[kTileRows * kTileSums];
    tiles.write<kTile>(copy, kTileBytes);
    for (int64_t r = 0; r < height; ++r) {
      store_n(rows[r] + column, load(copy + r * kTileSums), width);
    }
  }

  float* const* rows;
  int64_t column, height, width, bytes;
  bool is_whole;
};

/// Two by two tiles of C, or fewer: tiles 0 to 3 hold sums, 4 and 5 rows of op(A), 6 and 7 strips
/// of op(B), so that four factors that are read make four products.
template <bool kTall, bool kWide>
void sum_tiles(Tiles& tiles, const Panel& panel, const uint32_t* a, const Rows& c) {
  const TileOfC c0(panel, c, 0, 0), c1(panel, c, 0, kTileSums);
  const TileOfC c2(panel, c, kTileRows, 0), c3(panel, c, kTileRows, kTileSums);
  c0.begin<0>(tiles, panel.add);
  if constexpr (kWide) c1.begin<1>(tiles, panel.add);
  if constexpr (kTall) c2.begin<2>(tiles, panel.add);
  if constexpr (kTall && kWide) c3.begin<3>(tiles, panel.add);
  const uint32_t* lower = a + kPairs * kTileRows;
  for (int64_t p = 0; p < panel.pairs; p += kTilePairs) {
    const uint32_t* b = panel.b + p * kTileSums;
    tiles.read<4>(a + p * kTileRows, kTileBytes);
    tiles.read<6>(b, kTileBytes);
    if constexpr (kTall) tiles.read<5>(lower + p * kTileRows, kTileBytes);
    if constexpr (kWide) tiles.read<7>(b + panel.stride, kTileBytes);
    tiles.add_dots<0, 4, 6>();
    if constexpr (kWide) tiles.add_dots<1, 4, 7>();
    if constexpr (kTall) tiles.add_dots<2, 5, 6>();
    if constexpr (kTall && kWide) tiles.add_dots<3, 5, 7>();
  }
  c0.end<0>(tiles);
  if constexpr (kWide) c1.end<1>(tiles);
  if constexpr (kTall) c2.end<2>(tiles);
  if constexpr (kTall && kWide) c3.end<3>(tiles);
}

void pass_panel(Tiles& tiles, const Panel& panel, const uint32_t* a, const Rows& c) {
  bool tall = c.count > kTileRows, wide = panel.width > kTileSums;
  (tall ? (wide ? sum_tiles<true, true> : sum_tiles<true, false>)
        : (wide ? sum_tiles<false, true> : sum_tiles<false, false>))(tiles, panel, a, c);
}

#else

struct Tiles {};

constexpr int kPanelStrips = kPanelVectors;
#if defined(__AVX512F__)
constexpr int kRows = 8;
#else
constexpr int kRows = 4;
#endif

/// Rows of C from c[0] on by kStrips vectors.
template <int kHeight, int kStrips>
void tile(const Panel& panel, const uint32_t* a, float* const* c) {
  Vec sum[kHeight][kStrips];
#pragma GCC unroll 8
  for (int r = 0; r < kHeight; ++r) {
#pragma GCC unroll 4
    for (int s = 0; s < kStrips; ++s) sum[r][s] = Vec{};
  }
  const uint32_t* b = panel.b;
  for (int64_t p = 0; p < panel.pairs; ++p, b += kLanes) {
    Pairs strip[kStrips];
#pragma GCC unroll 4
    for (int s = 0; s < kStrips; ++s) strip[s] = load_pairs(b + s * panel.stride);
#pragma GCC unroll 8
    for (int r = 0; r < kHeight; ++r) {
      Pairs factors = Pairs{} + a[r * kPairs + p];
#pragma GCC unroll 4
      for (int s = 0; s < kStrips; ++s) sum[r][s] = add_dot(factors, strip[s], sum[r][s]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < kHeight; ++r) {
    float* to = c[r] + panel.column;
    for (int s = 0; s < kStrips; ++s) {
      int64_t n = s + 1 < kStrips ? kLanes : panel.width - s * kLanes;
      Vec out = sum[r][s];
      if (panel.add) out += load_n(to + s * kLanes, n);
      store_n(to + s * kLanes, out, n);
    }
  }
}

template <int kStrips>
void sum_rows(const Panel& panel, const uint32_t* a, const Rows& c) {
  using Tile = void (*)(const Panel&, const uint32_t*, float* const*);
  constexpr Tile kTiles[] = {
    tile<1, kStrips>,
    tile<2, kStrips>,
    tile<3, kStrips>,
    tile<4, kStrips>,
#if defined(__AVX512F__)
    tile<5, kStrips>,
    tile<6, kStrips>,
    tile<7, kStrips>,
    tile<8, kStrips>,
#endif
  };
  for (int64_t r = 0; r < c.count; r += kRows) {
    kTiles[least(kRows, c.count - r) - 1](panel, a + r * kPairs, c.at + r);
  }
}

void pass_panel(Tiles&, const Panel& panel, const uint32_t* a, const Rows& c) {
  (panel.width <= kLanes       ? sum_rows<1>
   : panel.width <= 2 * kLanes ? sum_rows<2>
                               : sum_rows<3>)(panel, a, c);
}

#endif

/// All rows of the block under the packed part of op(B) that belongs to the chain.
void pass_rows(Tiles& tiles, const Gemm& g, const Chain& chain, const Block& block,
               RowsAt<const uint32_t> b) {
  alignas(64) uint32_t a[kGroup * kPairs + kLanes];
  int64_t strips = (block.columns + kLanes - 1) / kLanes;
  int64_t panels = (strips + kPanelStrips - 1) / kPanelStrips;
  bool add = g.add || chain.k > 0;
  Rows c;
  c.stride = g.c_rows ? 0 : g.ldc;
  for (int64_t r = 0; r < block.rows; r += c.count) {
    c.count = rows_together(g, block.row + r, block.rows - r, kGroup);
    pack_a(g, chain, block.row + r, c.count, a);
    for (int64_t i = 0; i < c.count; ++i) c.at[i] = c_row(g, block, r + i);
    for (int64_t p = 0; p < panels; ++p) {
      int64_t first = strips * p / panels, column = first * kLanes;
      int64_t width = least(strips * (p + 1) / panels * kLanes, block.columns) - column;
      pass_panel(tiles, {pairs_of(chain), b[first], b.stride, column, width, add}, a, c);
    }
  }
}

/// Pairs of a strip of all of op(B).
int64_t strip_pairs(const Gemm& g) {
  int64_t pairs = 0;
  for (int64_t k = 0; k < g.k;) {
    Chain chain = chain_at(g, k, kDepth);
    pairs += pairs_of(chain);
    k += chain.elements();
  }
  return pairs;
}

void gemm_block_bf16(const Gemm& g, const Block& block, float* scratch) {
  static_assert(kDepth / 2 * kWidePanels * kPanelVectors * kLanes <= kGemmScratch);
  if (g.k == 0 && !g.add) clear(g, block);
  Tiles tiles;
  const int64_t stride = g.b_packed ? strip_pairs(g) * kLanes : 0;
  int64_t at = block.column / kLanes * stride;
  for (int64_t k = 0; k < g.k;) {
    Chain chain = part_at(g, k);
    if (g.b_packed) {
      pass_rows(tiles, g, chain, block, {g.b_packed + at, stride});
    } else {
      Strips b{reinterpret_cast<uint32_t*>(scratch), pairs_of(chain) * kLanes};
      pack_b(g, chain, block, b);
      pass_rows(tiles, g, chain, block, {b.at, b.stride});
    }
    at += pairs_of(chain) * kLanes;
    k += chain.elements();
  }
}

int64_t packed_size(const Gemm& g) { return (g.n + kLanes - 1) / kLanes * strip_pairs(g) * kLanes; }

void pack_rows_of_b(const Gemm& g, int64_t first, int64_t end, uint32_t* out) {
  int64_t stride = strip_pairs(g) * kLanes;
  if (g.b_transposed) out += first / kLanes * stride;
  for (int64_t k = 0; k < g.k;) {
    Chain chain = chain_at(g, k, kDepth);
    k += chain.elements();
    if (g.b_transposed) {
      pack_b(g, chain, {0, 0, first, end - first}, {out, stride});
    } else if (first < k && chain.k < end) {
      int64_t skipped = first > chain.k ? first - chain.k : 0;
      Chain part{chain.k + skipped, 1, least(end, k) - chain.k - skipped};
      pack_b(g, part, {0, 0, 0, g.n}, {out + skipped / 2 * kLanes, stride});
    }
    out += pairs_of(chain) * kLanes;
  }
}

}  // namespace

extern const Bf16Kernels kBf16Gemms;
const Bf16Kernels kBf16Gemms = {gemm_block_bf16, packed_size, pack_rows_of_b};

}  // namespace elbo::ELBO_ISA
