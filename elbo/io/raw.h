// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "elbo/io/reader.h"

namespace elbo {

/// Reads the files of one data set and keeps their hashes.
class SourceFiles {
 public:
  /// The whole file, inflated when it is gzip; `name` stands for it in the fingerprint, by default
  /// the file's own. Throws Error(Code::data) when it is empty.
  Bytes read(const Path& path, std::string name = "");
  /// A file that was read elsewhere, piece by piece.
  void add(std::string name, std::string sha256);
  /// SHA-256 of the one file read, or of the lines "name hash" of several, in the order of reading.
  std::string fingerprint() const;

 private:
  std::vector<std::pair<std::string, std::string>> hashes_;
};

/// The word by which a request says that the data are to be read without labels.
inline constexpr std::string_view kNoTarget = "none";

/// "photos" for photos/, "table" for table.csv.gz.
std::string data_name(const Path& path);

/// The start of a file's contents, inflated when `head` is the start of a gzip file.
Bytes content_head(std::span<const std::byte> head);

/// Turns an array into examples: u8 [N, H, W], [N, H, W, C] or [N, C, H, W] with C = 1 or 3 into an
/// image set, [N, H, W] when grey and [N, H, W, 3] when coloured; anything else into a table
/// [N, D] of the type `numbers`, f32 or f64; the one that PrecisionCheck finds where none is named.
/// Returns the kind, "image" or "table". NaN is refused
/// with its row and column, or masked when nan_is_missing; infinities are refused. `notes`, if any,
/// is told of an array that might have been meant as images. `rows`, where the array holds some
/// rows of a larger one, are their numbers, for messages.
std::string fill_examples(RawSet& set, Array array, std::string_view where, bool nan_is_missing,
                          std::vector<std::string>* notes = nullptr,
                          std::span<const int64_t> rows = {},
                          std::optional<DType> numbers = std::nullopt);

/// Whether f32 would lose something of numbers in [low, high] that differ from their f32 by up to
/// `error`: more than a millionth of the range; a half, which parts whole numbers from others; or
/// what lies beyond f32's own range.
bool loses_in_f32(double error, double low, double high);

/// Finds out whether a table's numbers need f64.
class PrecisionCheck {
 public:
  /// Some rows of a table of that many columns. NaN is passed over.
  void add(const Array& rows, size_t columns);
  /// The type for all that was added: f32, or f64 where f32 would lose something of a column.
  DType type() const;

 private:
  std::vector<double> low_, high_, error_;
};

/// Notes that an array of this type and shape might have been meant as images, where it might.
void note_shape(DType dtype, const std::vector<int64_t>& shape, std::vector<std::string>& notes);

/// Labels as they stand in a file, and what to call the file in messages. No shape: no labels.
struct Labels {
  Array values{DType::f32, {}, {}};
  std::string where;
};

/// Turns arrays [N] or [N, 1] into the labels of the training and the test set. Whole numbers of at
/// most 1,000 distinct values are classes, named by the numbers, in their order; other numbers are
/// f32 targets. Throws Error(Code::data) when labels and examples differ in number.
void fill_labels(RawData& data, const Labels& train, const Labels& test = {});

/// Throws Error(Code::data) unless the test examples have the shape of the training examples.
void check_same_shape(const RawData& data, std::string_view test, std::string_view train);

/// What stands in a folder, in order of name, hidden files left out. Never throws.
std::vector<Path> list_folder(const Path& folder);

/// At most this many distinct values make classes.
inline constexpr size_t kMaxClasses = 1000;

}  // namespace elbo
