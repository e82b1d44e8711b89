// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "elbo/core/rng.h"
#include "elbo/io/reader.h"
#include "elbo/tensor/batch.h"
#include "elbo/tensor/schema.h"

namespace elbo {

/// Examples by number.
class Dataset {
 public:
  virtual ~Dataset() = default;
  virtual int64_t size() const = 0;
  virtual const Schema& schema() const = 0;
  /// The examples at these rows, as they stand in the source; x f32, or f64 where the source is;
  /// Batch::index filled.
  Batch get(std::span<const int64_t> rows) const;
  /// The same with x in the source's own element type.
  virtual Batch get_stored(std::span<const int64_t> rows) const = 0;
  /// What the source calls the examples at these rows: the cells of its id column, the names of its
  /// files. Empty where it has no names.
  virtual std::vector<std::string> ids(std::span<const int64_t> /*rows*/) const { return {}; }
  /// The row that an example has in its source: its Batch::index.
  virtual int64_t source_row(int64_t row) const { return row; }
  /// The same with its tensors on that device, where it then gives batches (their index stays on
  /// the CPU); null where it stays on disk or is more than `most_bytes`.
  virtual std::shared_ptr<const Dataset> on(at::Device /*device*/, int64_t /*most_bytes*/) const {
    return nullptr;
  }
};

using DatasetPtr = std::shared_ptr<const Dataset>;

/// In memory, in the source's own element type, or fetched from disk where the set stays there.
DatasetPtr make_dataset(const RawSet& set, Schema schema);

/// Some rows of another data set, in the order given. Batch::index stays the row of the base.
DatasetPtr subset(DatasetPtr base, std::vector<int64_t> rows);

/// The rows of one data set, then those of another of the same schema. Batch::index stays the row
/// of each one's own source.
DatasetPtr joined(DatasetPtr first, DatasetPtr second);

/// n rows of a data set, evenly spaced; all of them when n is 0 or too many.
std::vector<int64_t> spaced_rows(int64_t size, int64_t n);

/// As many rows of such data as are wanted, but no more than 2^23 elements (32 MiB of x, of which
/// some copies may be made), and one at least: what may be looked at together.
int64_t rows_at_once(const Schema& schema, int64_t wanted);

/// Visits all examples in order, `batch` at a time.
void for_each_batch(const Dataset& data, int64_t batch, const std::function<void(Batch)>& visit);

}  // namespace elbo
