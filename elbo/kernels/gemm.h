// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "elbo/core/cpu.h"

namespace elbo {

/// Vectors in the widest panel of C's columns, panels in the widest block, multiply-adds in a
/// chain, and floats of scratch that a block needs: such panels of that depth with the longest
/// vectors.
constexpr int64_t kPanelVectors = 3;
constexpr int64_t kWidePanels = 4;
constexpr int64_t kGemmDepth = 128;
constexpr int64_t kGemmScratch = kGemmDepth * kWidePanels * kPanelVectors * 16;

/// C = op(A) op(B), or C += op(A) op(B), in f32; all matrices are row by row.
///
/// Every element of C is the sum, in the order of k, of chains of kGemmDepth multiply-adds (fused
/// ones but for Isa::scalar), so the result depends on neither the blocks nor the vector length. A
/// chain is shorter where op(A)'s rows lie in pieces: it has whole pieces, or ends with one.
struct Gemm {
  int64_t m = 0, n = 0, k = 0;
  const float* a = nullptr;  ///< [m, k], or [k, m] when a_transposed
  int64_t lda = 0;           ///< elements from one row of the stored matrix to the next
  bool a_transposed = false;
  const float* b = nullptr;  ///< [k, n], or [n, k] when b_transposed
  int64_t ldb = 0;
  bool b_transposed = false;
  float* c = nullptr;  ///< [m, n]
  int64_t ldc = 0;
  bool add = false;  ///< C += ..

  /// Where stored rows do not follow each other at one distance (pixels of padded images), the
  /// element at which each begins; null: row r begins at r times ld. b's only where b is not
  /// transposed.
  const int32_t* a_rows = nullptr;
  const int32_t* b_rows = nullptr;
  const int32_t* c_rows = nullptr;
  /// Where a stored row of a lies in pieces (patches of images): element j is at
  /// j / piece * stride + j % piece. 0: in one piece.
  int64_t a_piece = 0, a_piece_stride = 0;

  /// All of op(B) as Bf16Kernels::pack_b leaves it; b is then not read. For products in bf16 alone.
  const uint32_t* b_packed = nullptr;
};

/// Rows [row, row + rows) by columns [column, column + columns) of C.
struct Block {
  int64_t row = 0, rows = 0, column = 0, columns = 0;
};

/// Rows of a sparse matrix: row r holds values[i] in column columns[i] for i in
/// [starts[r], ends[r]), columns rising.
struct SparseRows {
  const int32_t* starts = nullptr;
  const int32_t* ends = nullptr;
  const int32_t* columns = nullptr;
  const float* values = nullptr;
};

/// Rows in memory: row r begins at rows[r], or at r times stride where there is no list.
template <class T>
struct RowsAt {
  T* at;
  int64_t stride;
  const int32_t* rows = nullptr;
  /// Always inline, for sources compiled for an instruction set (see elbo_isa_sources).
  __attribute__((always_inline)) T* operator[](int64_t r) const {
    return at + (rows ? rows[r] : r * stride);
  }
};

/// One block of C, at most most_vectors(precision) vectors wide. Where op(B) comes packed it may be
/// of any width, so that rows of op(A) are rounded once, but begins at a whole vector; scratch is
/// then not used. scratch: kGemmScratch floats.
using GemmBlock = void (*)(const Gemm& g, const Block& block, float* scratch);

struct GemmKernels {
  int64_t lanes;  ///< floats in a vector
  GemmBlock block;
  /// The same with op(A) given by its rows' non-zeros; scratch: k * kPanelVectors * lanes floats.
  void (*sparse_block)(const Gemm& g, const SparseRows& a, const Block& block, float* scratch);
  /// to [columns, rows] = from [rows, columns] transposed.
  void (*transpose)(RowsAt<const float> from, int64_t rows, int64_t columns, RowsAt<float> to);
  /// to [rows, columns] += from [rows, columns].
  void (*add_block)(const float* from, int64_t from_stride, int64_t rows, int64_t columns,
                    float* to, int64_t to_stride);
  /// Writes the columns and values of the n elements of x that are not 0; returns how many. Both
  /// have room for n.
  int64_t (*find_nonzeros)(const float* x, int64_t n, int32_t* columns, float* values);
};

const GemmKernels& gemm_kernels(Isa isa);

/// The numbers that a product multiplies. What it reads and writes is f32, and so are its sums.
enum class Precision {
  f32,
  bf16,  ///< op(A) and op(B) are rounded to 8 bits, to the nearest; chains are 2 kGemmDepth long,
         ///< on AMX's tiles 32
};

/// Ranges of stored rows that are packed begin at multiples of this.
constexpr int64_t kPackedRows = 32;

/// Products in bf16, and op(B) of theirs packed once for many blocks: weights, whenever they move.
/// For W [out, in] that is op(B) = W^T of the product forwards (b_transposed) and op(B) = W of the
/// one to the input. Blocks come out the same bits as if op(B) were not packed.
struct Bf16Kernels {
  GemmBlock block;
  /// How many uint32_t op(B) of g takes, best on a cache line. It asks for g's shape and pieces.
  int64_t (*packed_size)(const Gemm& g);
  /// Packs stored rows [first, end) of g.b: op(B)'s columns where b_transposed, else its rows. end
  /// is a multiple of kPackedRows, or the last row's. Ranges may be packed by different threads.
  /// Where op(A)'s rows lie in pieces and b is not transposed, all rows are packed at once.
  void (*pack_b)(const Gemm& g, int64_t first, int64_t end, uint32_t* packed);
};

const Bf16Kernels& bf16_kernels(Isa isa);

GemmBlock gemm_block(Precision precision, Isa isa);
/// Vectors in the widest block. In bf16 it is made of several panels, so that rows of op(A) are
/// rounded once for all.
constexpr int64_t most_vectors(Precision precision) {
  return precision == Precision::bf16 ? kWidePanels * kPanelVectors : kPanelVectors;
}

/// How C's columns are cut into panels of nearly equal width, each a whole number of vectors but
/// the last.
struct Panels {
  Panels(int64_t columns, int64_t lanes, int64_t most_vectors = kPanelVectors);
  int64_t count() const { return count_; }
  int64_t begin(int64_t panel) const;
  int64_t width(int64_t panel) const { return begin(panel + 1) - begin(panel); }
  /// As many for each of `members`, where they stay two vectors wide for it; else these.
  Panels shared_by(int64_t members) const;

 private:
  int64_t columns_, lanes_, vectors_, count_;
};

}  // namespace elbo
