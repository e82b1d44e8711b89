// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <memory>

#include "elbo/core/disk.h"
#include "elbo/io/array_layout.h"
#include "elbo/io/csv.h"
#include "elbo/io/raw.h"

namespace elbo {

/// Examples [N, ...] that stay in a file: rows are read by their numbers and become x and mask
/// when they are, by fill_examples, so that they are what they would be in memory.
class FileRows {
 public:
  /// numbers: the type in which a table is given, f32 or f64; none: f32 until check() finds that it
  /// needs f64. Throws Error(Code::data) as fill_examples does for the first row.
  FileRows(std::shared_ptr<const DiskFile> file, ArrayLayout layout, bool nan_is_missing,
           std::optional<DType> numbers = std::nullopt);

  /// x [B, ...] of these rows, in their order, and mask when the whole set has one. Any number of
  /// threads. Throws Error(Code::data) where the file is no longer what it was.
  RawSet read(std::span<const int64_t> rows) const;

  /// One pass over all rows in order, on whose bytes `visit` looks: refuses what fill_examples
  /// refuses and finds out whether anything is missing. Called once, before any other thread reads.
  void check(const std::function<void(std::span<const std::byte>)>& visit);

  const std::string& kind() const { return kind_; }
  /// What x says of itself: type and shape, no elements.
  const Array& x() const { return x_; }
  const ValueSpan& span() const { return span_; }  ///< of x, after check()
  uint64_t bytes() const;                          ///< what x would take in memory

 private:
  void add_rows(PrecisionCheck& precision, const Array& array) const;
  RawSet to_set(Array array, std::span<const int64_t> rows) const;

  std::shared_ptr<const DiskFile> file_;
  ArrayLayout layout_;
  bool nan_is_missing_, has_mask_ = false;
  bool type_is_open_;  // until check()
  DType numbers_;
  size_t row_bytes_ = 0;
  std::string kind_;
  Array x_;
  ValueSpan span_;
};

/// What a format's own functions make of an array file.
struct ArrayFormat {
  /// From the first kMaxArrayHeader bytes of a file of that size.
  ArrayLayout (*layout)(std::span<const std::byte> head, uint64_t size, std::string_view where);
  Array (*parse)(Bytes&& bytes, std::string_view where);
};

/// Fills x and mask of a set from a file of one array, in memory or left on disk (see
/// ReadRequest::in_memory); a gzip file and one in Fortran order are read into memory whatever
/// their size. Returns the kind; throws what fill_examples throws.
std::string read_examples(SourceFiles& files, const Path& path, const ArrayFormat& format,
                          RawSet& set, bool nan_is_missing, const ReadRequest& request,
                          std::vector<std::string>* notes = nullptr);

/// Gathers examples row by row, in memory up to a number of bytes and in a temporary file from
/// there on. NaN stands for a missing cell.
class RowSpool {
 public:
  /// type: f32 or f64 of a table {D}, u8 of images {H, W} or {H, W, 3}.
  RowSpool(DType type, std::vector<int64_t> event, uint64_t in_memory, std::string where);
  /// Throws Error(Code::resource) when the disk is full.
  void add(std::span<const double> row);
  /// Puts what was gathered into x and mask, or on disk.
  void finish(RawSet& set);

 private:
  void put_away();

  DType type_;
  std::vector<int64_t> event_;
  int64_t rows_ = 0;
  uint64_t in_memory_, gathered_ = 0;  // bytes
  std::string where_;
  std::vector<Bytes> blocks_;  // what is gathered in memory; the last one is being filled
  std::shared_ptr<DiskFile> file_;
};

/// The text of a file, inflated when it is gzip. `fingerprint` is set when its end is reached.
TextSource text_of(std::shared_ptr<const DiskFile> file, std::string& fingerprint);

}  // namespace elbo
