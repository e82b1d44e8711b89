// SPDX-License-Identifier: Apache-2.0
// What products in f32 and in bf16 share: squares of vectors transposed, rows of op(B) fetched, how
// sums are cut into chains, and where C's rows are. For sources compiled by elbo_isa_sources, see
// vec.h.
#pragma once

#include <utility>

#include "elbo/kernels/gemm.h"
#include "elbo/kernels/vec.h"

namespace elbo::ELBO_ISA {

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

inline void pack_row(const float* from, int64_t width, float* out) {
  int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) store(out + i, load(from + i));
  if (i < width) store(out + i, load_part(from + i, width - i));
}

inline const float* b_row(const Gemm& g, int64_t k) {
  return g.b + (g.b_rows ? g.b_rows[k] : k * g.ldb);
}

/// Rows k .. of op(B) in the block's columns, to out [depth, stride]; columns beyond are 0.
inline void pack_rows(const Gemm& g, int64_t k, int64_t depth, const Block& block, float* out,
                      int64_t stride) {
  for (int64_t i = k; i < k + depth; ++i, out += stride) {
    pack_row(b_row(g, i) + block.column, block.columns, out);
  }
}

/// to [columns, rows] = from [rows, columns] transposed. Padded, the rows of `to` are whole
/// vectors, with 0 beyond their ends.
template <bool kPadded>
void transpose_block(RowsAt<const float> from, int64_t rows, int64_t columns, RowsAt<float> to) {
  for (int64_t i = 0; i < rows; i += kLanes) {
    int64_t height = least(kLanes, rows - i);
    for (int64_t j = 0; j < columns; j += kLanes) {
      int64_t width = least(kLanes, columns - j);
      Vec square[kLanes];
      for (int64_t r = 0; r < kLanes; ++r) {
        square[r] = r < height ? load_n(from[i + r] + j, width) : Vec{};
      }
      transpose(square);
      for (int64_t r = 0; r < width; ++r) {
        store_n(to[j + r] + i, square[r], kPadded ? kLanes : height);
      }
    }
  }
}

/// Where element j of a stored row of a is.
inline int64_t place_in_a(const Gemm& g, int64_t j) {
  return g.a_piece ? j / g.a_piece * g.a_piece_stride + j % g.a_piece : j;
}

/// How many of `rows` rows of op(A) from `row` on, at most `most`, lie side by side where it is
/// given by columns.
inline int64_t rows_together(const Gemm& g, int64_t row, int64_t rows, int64_t most) {
  int64_t n = least(rows, most);
  return g.a_transposed && g.a_piece ? least(n, g.a_piece - row % g.a_piece) : n;
}

/// A chain of multiply-adds from element k of op(A)'s rows on.
struct Chain {
  int64_t k, pieces, depth;  ///< of each piece
  int64_t elements() const { return pieces * depth; }
};

/// The chain that begins at k, at most `most` long: whole pieces if one is short enough, else a
/// part of one.
inline Chain chain_at(const Gemm& g, int64_t k, int64_t most) {
  int64_t piece = g.a_piece && !g.a_transposed ? g.a_piece : g.k;
  int64_t depth = least(least(most, piece - k % piece), g.k - k);
  return {k, depth == piece ? least(most / piece, (g.k - k) / piece) : 1, depth};
}

inline float* c_row(const Gemm& g, const Block& block, int64_t r) {
  r += block.row;
  return g.c + (g.c_rows ? g.c_rows[r] : r * g.ldc) + block.column;
}

inline void clear(const Gemm& g, const Block& block) {
  for (int64_t r = 0; r < block.rows; ++r) {
    float* c = c_row(g, block, r);
    for (int64_t i = 0; i < block.columns; ++i) c[i] = 0;
  }
}

}  // namespace elbo::ELBO_ISA
