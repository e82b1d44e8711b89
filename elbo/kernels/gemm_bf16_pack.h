// SPDX-License-Identifier: Apache-2.0
// How products in bf16 lay out their factors, for sources compiled by elbo_isa_sources, see vec.h.
// Neighbours in k stand in pairs. op(B) is cut into strips of kLanes columns, each [pairs, kLanes];
// rows of op(A) are [rows, kPairs], or tile after tile where there are tiles.
#pragma once

#include "elbo/kernels/tiles.h"

namespace elbo::ELBO_ISA {

constexpr int64_t kDepth = 2 * kGemmDepth;  // of a chain: as many bytes as in f32

#if defined(ELBO_HAS_TILES)

static_assert(kLanes == kTilePairs && kLanes == kTileSums);
constexpr int64_t kGroup = 2 * kTileRows;  // rows of op(A) packed together
constexpr int64_t kPairStep = kTilePairs;
/// Pairs of a row of op(A) that are packed at once: of a group so many, with two strips of op(B),
/// stay in a first-level cache of 48 KiB.
constexpr int64_t kPairs = 10 * kTilePairs;

/// Where the packed pair p of row r is, p the first one of a tile.
inline uint32_t* place(uint32_t* packed, int64_t r, int64_t p) {
  return packed + r / kTileRows * kPairs * kTileRows + p * kTileRows + r % kTileRows * kTilePairs;
}
constexpr int64_t kNextPairs = kTileRows * kTilePairs;  // from a row's pairs to those after them

/// A part of k that is summed in one go. Tiles add what they find to the sums so far by 32
/// elements, so that where rows do not lie in pieces any multiple of that may be a part.
inline Chain part_at(const Gemm& g, int64_t k) {
  if (g.a_piece && !g.a_transposed) return chain_at(g, k, kDepth);
  constexpr int64_t kStep = 2 * kTilePairs;
  int64_t most = g.b_packed ? 2 * kPairs : kDepth;
  int64_t parts = (g.k + most - 1) / most, steps = (g.k + kStep - 1) / kStep;
  return {k, 1, least((steps + parts - 1) / parts * kStep, g.k - k)};
}

#else

constexpr int64_t kGroup = kLanes;
constexpr int64_t kPairStep = 1;
constexpr int64_t kPairs = kDepth / 2;
constexpr int64_t kNextPairs = kLanes;

inline uint32_t* place(uint32_t* packed, int64_t r, int64_t p) { return packed + r * kPairs + p; }

/// A part of k that is summed in one go.
inline Chain part_at(const Gemm& g, int64_t k) { return chain_at(g, k, kDepth); }

#endif

/// Adds to what is packed of op(A) or op(B), where that is counted.
inline void count_packed([[maybe_unused]] bool is_b, [[maybe_unused]] int64_t pairs) {
#if defined(ELBO_TILES_IN_SOFTWARE)
  (is_b ? counts.b_bytes : counts.a_bytes) += pairs * static_cast<int64_t>(sizeof(uint32_t));
#endif
}

/// Pairs of elements that a chain takes in registers or tiles.
inline int64_t pairs_of(const Chain& chain) {
  return ((chain.elements() + 1) / 2 + kPairStep - 1) / kPairStep * kPairStep;
}

/// The pairs of the first n elements, at most 2 kLanes; the rest are 0.
inline Pairs neighbours(const float* from, int64_t n) {
  if (n == 2 * kLanes) return pair_neighbours(load(from), load(from + kLanes));
  int64_t first = least(kLanes, n), second = n - first;
  Vec b = second > 0 ? load_part(from + kLanes, second) : Vec{};
  return pair_neighbours(load_n(from, first), b);
}

/// n elements in pairs, then zeros to the end of a vector; vectors are `step` apart.
inline void pack_neighbours(const float* from, int64_t n, uint32_t* out, int64_t step) {
  for (int64_t i = 0; i < n; i += 2 * kLanes, out += step) {
    store_pairs(out, neighbours(from + i, least(2 * kLanes, n - i)));
  }
}

/// A row of op(A) that lies in pieces. What one piece writes beyond its end the next one mends, and
/// what the last one writes the next row; `out` has room for a vector more.
inline void pack_a_row(const Gemm& g, const Chain& chain, const float* row, uint32_t* out) {
  if (chain.pieces == 1 || chain.depth % (2 * kPairStep) == 0) {
    int64_t step = chain.depth / 2 * (kNextPairs / kLanes);
    for (int64_t piece = 0; piece < chain.pieces; ++piece, row += g.a_piece_stride) {
      pack_neighbours(row, chain.depth, out + piece * step, kNextPairs);
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
  pack_neighbours(whole, chain.elements(), out, kNextPairs);
}

/// Up to kGroup rows of op(A), which lie by columns and together.
inline void pack_columns(const Gemm& g, const Chain& chain, int64_t row, int64_t height,
                         uint32_t* out) {
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
        store(reinterpret_cast<float*>(place(out, first + r, p)), square[r]);
      }
    }
  }
}

/// At most kGroup rows of op(A); there is room for a vector more. Where there are tiles, the rows
/// that fill up the last one are 0.
inline void pack_a(const Gemm& g, const Chain& chain, int64_t row, int64_t height, uint32_t* out) {
  count_packed(false, height * pairs_of(chain));
#if defined(ELBO_HAS_TILES)
  for (int64_t r = height; r % kTileRows != 0; ++r) {
    for (int64_t p = 0; p < pairs_of(chain); p += kLanes) store_pairs(place(out, r, p), Pairs{});
  }
#endif
  if (g.a_transposed) return pack_columns(g, chain, row, height, out);
  int64_t at = place_in_a(g, chain.k);
  for (int64_t r = 0; r < height; ++r) {
    int64_t begin = g.a_rows ? g.a_rows[row + r] : (row + r) * g.lda;
    pack_a_row(g, chain, g.a + begin + at, place(out, r, 0));
  }
}

/// Packed strips of op(B).
using Strips = RowsAt<uint32_t>;

/// Rows of op(B) in pairs, by groups so small that all they are read from stays in the cache while
/// strip after strip takes its columns.
inline void pack_b_rows(const Gemm& g, const Chain& chain, const Block& block, Strips out) {
  for (int64_t group = 0; group < pairs_of(chain); group += kPackedRows / 2) {
    int64_t end = least(group + kPackedRows / 2, pairs_of(chain));
    for (int64_t j = 0; j < block.columns; j += kLanes) {
      int64_t n = least(kLanes, block.columns - j);
      auto row = [&](int64_t k) {
        return k < chain.elements() ? load_n(b_row(g, chain.k + k) + block.column + j, n) : Vec{};
      };
      uint32_t* strip = out[j / kLanes];
      for (int64_t p = group; p < end; ++p) {
        store_pairs(strip + p * kLanes, pair_up(row(2 * p), row(2 * p + 1)));
      }
    }
  }
}

/// The rows of stored b are op(B)'s columns.
inline void pack_b_columns(const Gemm& g, const Chain& chain, const Block& block, Strips out) {
  for (int64_t j = 0; j < block.columns; j += kLanes) {
    int64_t width = least(kLanes, block.columns - j);
    uint32_t* strip = out[j / kLanes];
    for (int64_t p = 0; p < pairs_of(chain); p += kLanes) {
      int64_t n = least(2 * kLanes, chain.elements() - 2 * p);
      Vec square[kLanes] = {};
      for (int64_t r = 0; r < width && n > 0; ++r) {
        const float* row = g.b + (block.column + j + r) * g.ldb + chain.k;
        square[r] = reinterpret_cast<Vec>(neighbours(row + 2 * p, n));
      }
      transpose(square);
      for (int64_t r = 0; r < least(kLanes, pairs_of(chain) - p); ++r) {
        store(reinterpret_cast<float*>(strip + (p + r) * kLanes), square[r]);
      }
    }
  }
}

/// op(B)'s rows of the chain in the block's columns.
inline void pack_b(const Gemm& g, const Chain& chain, const Block& block, Strips out) {
  count_packed(true, pairs_of(chain) * ((block.columns + kLanes - 1) / kLanes) * kLanes);
  (g.b_transposed ? pack_b_columns : pack_b_rows)(g, chain, block, out);
}

}  // namespace elbo::ELBO_ISA
