// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <limits>
#include <optional>
#include <set>
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

/// Brings the shape of an array of examples to what the request says of images: [N, D] or another
/// of as many numbers becomes [N, H, W, C], or [N, C, H, W]; with request.as_table all becomes
/// [N, D]. Throws Error(Code::usage) where the numbers of an example do not make such an image.
void shape_examples(std::vector<int64_t>& shape, const ReadRequest& request,
                    std::string_view where);

/// Whether an array of that type and shape holds images: u8 [N, H, W], [N, H, W, C] or [N, C, H, W]
/// with C = 1 or 3; the same of other types, where [N, H, W] must have sides of at least 8, neither
/// more than 4 times the other, lest it be a set of sequences.
bool is_image(DType dtype, std::span<const int64_t> shape);

/// Images of any of these shapes as [N, H, W] when grey and [N, H, W, 3] when coloured.
Array channels_last(Array array);

/// Turns an array into examples: what is_image accepts into an image set of u8 (from u8 and bool)
/// or f32, [N, H, W] when grey and [N, H, W, 3] when coloured; anything else into a table [N, D] of
/// the type `numbers`, f32 or f64; the one that PrecisionCheck finds where none is named. Returns
/// the kind, "image" or "table". NaN is refused with its place, or masked when nan_is_missing;
/// infinities are refused. `notes`, if any, is told of an array that might have been meant
/// otherwise. `rows`, where the array holds some rows of a larger one, are their numbers, for
/// messages.
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

/// Notes what an array of this type and shape is read as, where it might have been meant otherwise.
void note_shape(DType dtype, const std::vector<int64_t>& shape, std::vector<std::string>& notes);

/// What the values seen so far are, missing ones left out.
struct ValueSpan {
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  bool is_whole = true;  ///< no value has a fraction
  void add(const Array& x, const Array& mask);
  void add(const ValueSpan& other);
};
ValueSpan span_of(const RawData& data);

/// Sets the range of images, and notes it where it is not that of bytes: a model's, where the
/// request has one; else, from what the values are,
///
/// | values                                  | range                                             |
/// |-----------------------------------------|---------------------------------------------------|
/// | whole, from 0                           | 0 to the next of 1, 3, 7, 15, 31, .. (16 and 100  |
/// |                                         | where they are the largest value)                 |
/// | whole, some below 0                     | from -1, -2, -4, -8, ..                           |
/// | whole, within an eighth of that range   | the smallest to the largest                       |
/// | in [0, 1] or [-1, 1], some beyond half  | that                                              |
/// | any other                               | 0 (or the smallest, where it is below 0 or above  |
/// |                                         | half of the largest) to the largest               |
///
/// Throws Error(Code::data) where all values are equal and no model asks. Nothing for tables.
void learn_range(RawData& data, const ReadRequest& request, std::string_view where);

/// Makes images of a table in memory where request.image says so: x [N, D] becomes u8 where all
/// values are whole and in 0..255, else f32, as fill_examples shapes it; names of columns go.
/// Learns the range. Throws what shape_examples and learn_range throw.
void take_as_images(RawData& data, const ReadRequest& request, std::string_view where);

/// Notes that the columns of a table without names may be the pixels of square images: as many as
/// 8 x 8 or more make, grey or coloured, and all values in [0, 1] or bytes.
void suggest_images(RawData& data);

/// Labels as they stand in a file, and what to call the file in messages: numbers, or texts.
/// Neither: no labels.
struct Labels {
  Array values{DType::f32, {}, {}};
  std::string where;
  std::vector<std::string> texts = {};
  bool empty() const { return values.shape.empty() && texts.empty(); }
};

/// The names of the classes, in order, of labels whose distinct texts are `found`: those a model
/// knows, or else `found` in order, by number where all are whole numbers.
/// Throws Error(Code::data) for a class that the model does not know, and for more than
/// kMaxClasses.
std::vector<std::string> class_names(const std::set<std::string>& found,
                                     const std::vector<std::string>& known, std::string_view where);

/// Turns arrays [N] or [N, 1], or texts, into the labels of the training and the test set. Texts,
/// and whole numbers of at most kMaxClasses distinct values, are classes named by them, with the
/// numbers that class_names gives; other numbers are f32 targets. `known`: a model's classes.
/// Throws Error(Code::data) when labels and examples differ in number.
void fill_labels(RawData& data, const Labels& train, const Labels& test = {},
                 const std::vector<std::string>& known = {});

/// Throws Error(Code::data) unless the test examples have the shape of the training examples.
void check_same_shape(const RawData& data, std::string_view test, std::string_view train);

/// What stands in a folder, in order of name. Never throws.
std::vector<Path> list_folder(const Path& folder, bool with_hidden = false);

/// At most this many distinct values make classes.
inline constexpr size_t kMaxClasses = 1000;

}  // namespace elbo
