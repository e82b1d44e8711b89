// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>

#include "elbo/io/array.h"

namespace elbo {

/// The parts of a sparse matrix [N, D] as scipy.sparse.save_npz names them.
struct SparseParts {
  std::string format;          ///< "csr", "csc", "bsr", "coo" or "dia"
  std::vector<int64_t> shape;  ///< {N, D}
  Array data;                  ///< the values; those of one place are summed
  Array indices, indptr;       ///< csr, csc, bsr
  Array row, column;           ///< coo
  Array offsets;               ///< dia
};

/// The matrix with its zeros, f32, or f64 where the values are of 32 bits or more. Throws
/// Error(Code::data) for parts that do not make a matrix, naming the part, and
/// Error(Code::resource) where the matrix takes more than max_bytes.
/// Source: scipy.sparse, https://docs.scipy.org/doc/scipy/reference/sparse.html
Array to_dense(const SparseParts& parts, const std::string& where, uint64_t max_bytes);

}  // namespace elbo
