// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "elbo/core/family.h"
#include "elbo/io/array.h"
#include "elbo/io/column_code.h"
#include "elbo/io/value_range.h"

namespace elbo {

class FileRows;

/// Examples as they stand in a file, before anything is done to them.
struct RawSet {
  /// Images u8 or f32, [N, H, W] (grey) or [N, H, W, 3] (colour); tables f32 [N, D], or f64 where
  /// f32 would lose something of the numbers.
  Array x;
  Array mask;  ///< u8, as x; 1 = present; empty when nothing is missing. x is 0 where missing.
  Array y;     ///< [N] i64 class indices into label_names, or f32 targets; empty when unlabelled
  /// [N] what the source calls each example: the cells of its id column, the names of its files.
  /// Empty when it has no names.
  std::vector<std::string> ids = {};
  /// Where x and mask lie when they stay on disk; else null. Then x says its type and shape and
  /// holds nothing, and mask is empty.
  std::shared_ptr<const FileRows> on_disk = nullptr;
};

/// What became of one column of a source.
struct ColumnReport {
  std::string name;                     ///< as in the header, or "column 3" (from 1)
  std::string role;                     ///< "feature", "target", "id" or "left out"
  std::string taken_as;                 ///< "numbers", "yes = 1, no = 0", "categories", "dates", ..
  std::string why = {};                 ///< the rule by which, where it is not plain to see
  std::vector<std::string> flags = {};  ///< "constant, 1", "-999 in 12 rows may mean missing", ..
  Value to_value() const;
};

/// What a reader makes of a path.
struct RawData {
  std::string name;        ///< short name for the run: "mnist", the file's stem
  std::string format;      ///< the reader's name
  std::string kind;        ///< "image" (x has height and width) or "table"
  ValueRange range = {};   ///< images: black and white, in x's own units
  std::string alpha = {};  ///< pictures: what was done with alpha, alpha_names(); "" without any
  RawSet train;
  std::optional<RawSet> test;                 ///< where the source has a test set of its own
  std::vector<std::string> column_names;      ///< tables: D names; empty when there are none
  std::vector<ColumnCode> column_codes = {};  ///< tables of text: D codes
  std::vector<std::string> label_names;       ///< classes in index order; empty for targets or no y
  std::string target_name;                    ///< what y is called; empty when unlabelled
  std::string id_name = {};                   ///< what ids are called: the column, "file"
  std::string fingerprint;                    ///< SHA-256 of the bytes read
  /// What the reader decided that may surprise, a sentence each: it reaches `describe`, the log
  /// and run.json.
  std::vector<std::string> notes;
  std::vector<ColumnReport> column_reports = {};  ///< tables: each column of the source, in order
};

/// What the user says about the data, for every reader.
struct ReadRequest {
  /// The column, npz entry or file that holds the labels. "": the usual names are looked for;
  /// "none": the data are read without labels.
  std::string target = {};
  /// Set where a model that needs no labels reads data: a target that is not there is no fault.
  bool target_may_lack = false;
  /// The names of the columns a model takes, or empty. A table with a header then gives these, in
  /// this order; they are features whatever their names, and no others may be among its features.
  std::vector<std::string> columns = {};
  /// How it reads them, one for each of `columns`, or empty.
  std::vector<ColumnCode> codes = {};
  /// What the user says of columns: those alone that are features (empty: all that can be), those
  /// that are left out, and the one that names the rows (""; the usual ones are looked for;
  /// "none").
  std::vector<std::string> features = {}, drop = {};
  std::string id = {};
  /// The shape of images that the numbers of an example make: {H, W}, {H, W, C}, or {C, H, W} where
  /// the colours come one after another; C is 1 or 3. Empty: an array's own shape says.
  std::vector<int64_t> image = {};
  bool as_table = false;  ///< arrays are tables whatever their shape
  /// What a model knows, and its data must keep: black and white, what is done with alpha, the
  /// names of the classes in order.
  std::optional<ValueRange> range = {};
  std::string alpha = {};
  std::vector<std::string> labels = {};
  /// Bytes of x up to which a set is held in memory. Larger ones stay on disk where the reader can
  /// fetch their rows from there: npy, idx and csv.
  uint64_t in_memory = UINT64_MAX;
};

/// Reads one kind of file or folder.
class Reader {
 public:
  virtual ~Reader() = default;
  /// Whether the path looks like this reader's. `head` is the first 4 KiB of a file, empty for a
  /// folder. Never throws.
  virtual bool accepts(const Path& path, std::span<const std::byte> head) const = 0;
  /// Throws Error(Code::data) with the file and the position (byte, row and column) of any fault,
  /// Error(Code::usage) for a target or an option that the data do not have.
  /// Memory stays proportional to what the file truly holds, and to request.in_memory and the
  /// number of rows where x stays on disk.
  virtual RawData read(const Path& path, const ReadRequest& request) const = 0;
};

/// auto, shipped, idx, npy, npz, image-folder, csv; "auto" asks them in this order.
const Family<std::unique_ptr<Reader>>& readers();

/// The name of the reader that "auto" takes for what lies at the path; "" when none accepts it.
std::string reader_for(const Path& path);

/// Whether a folder is one that `elbo train` made. Such a folder is never data.
bool is_run_folder(const Path& path);

/// Reads `path`, for "-" standard input, with the given reader; "auto" asks each reader in turn
/// whether it accepts the path. Throws Error(Code::data) when the path does not exist or no reader
/// accepts it; the message names near paths and shipped names, and the formats known.
RawData read_data(const Path& path, const Part& reader = "auto", const ReadRequest& request = {});

}  // namespace elbo
