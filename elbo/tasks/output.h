// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "elbo/core/file_writer.h"
#include "elbo/io/array.h"
#include "elbo/tensor/tensor_file.h"

namespace elbo {

/// A result that can be written to a file:
///
/// | format | holds |
/// |--------|-------|
/// | npy    | the first array |
/// | npz    | all arrays, then those `keys` whose numbers are not among them |
/// | csv    | `keys`, then the first array as rows [N, D] under `columns` |
/// | png    | the picture, and a tEXt chunk `decoded` where that is a key |
struct TextColumn {
  std::string name;
  std::vector<std::string> cells;  ///< [N]
};
struct Output {
  NamedTensors arrays;               ///< the main one first
  std::vector<std::string> columns;  ///< D names, or empty: 0, 1, ...
  /// What says which example a row is. One called like a column of numbers, or like a key before
  /// it, is written as "name_2".
  std::vector<TextColumn> keys;
  Array picture{DType::u8, {}, {}};  ///< u8 [H, W, C]; empty when the result cannot be seen
};

/// Where a result goes: a file, or "-", the standard output.
struct OutputFile {
  /// Without a format the extension says.
  OutputFile(Path file, std::string as = "");
  OutputFile(const char* file) : OutputFile(Path(file)) {}
  bool is_standard() const { return path == "-"; }
  Path path;
  std::string format;  ///< "npy", "npz", "csv" or "png"
};

/// Throws Error(Code::usage) unless the format is one of these and the file is not there yet (or
/// `force` is set), and for anything but csv on a terminal. Called before the work, so that none is
/// lost.
void check_output(const OutputFile& file, bool force);

/// Throws what check_output throws, Error(Code::usage) for png without a picture, and
/// Error(Code::resource) where the disk does not take it. Makes missing folders.
void write_output(const OutputFile& file, const Output& output, bool force);

/// Writes a result that comes in parts, some rows of every array in each, in memory that grows with
/// the part only: what write_output makes of the whole. For npy and csv.
class OutputWriter {
 public:
  /// Whether a file takes parts.
  static bool takes_parts(const OutputFile& file);
  /// `rows`: in all parts together. Throws what check_output throws. Makes missing folders.
  OutputWriter(OutputFile file, bool force, int64_t rows);
  void add(const Output& part);
  void finish();  ///< the file is there only after this

 private:
  void append(std::span<const std::byte> bytes);

  OutputFile file_;
  int64_t rows_, written_ = 0;
  std::optional<FileWriter> writer_;  // none for standard output
};

/// Latents z [.., Z] from a file, or from standard input for "-": an .npy array, the entry "z",
/// "mean" or the only one of an .npz, or the columns z0, z1, ... of a .csv (all columns where none
/// is named so). Throws Error(Code::data) when there are none, or their number is not `size`.
Tensor read_latents(const Path& path, int64_t size);

}  // namespace elbo
