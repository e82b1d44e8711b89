// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "elbo/core/files.h"

namespace elbo {

/// Writes a file piece by piece. It appears whole at finish(), as by write_file, and not at all
/// when finish() is not reached. Throws Error(Code::resource) where the disk does not take it.
class FileWriter {
 public:
  explicit FileWriter(Path path);
  ~FileWriter();
  FileWriter(const FileWriter&) = delete;
  FileWriter& operator=(const FileWriter&) = delete;

  void append(std::span<const std::byte> bytes);
  void append(std::string_view text) { append(as_bytes(text)); }
  void finish();

 private:
  Path path_, temporary_;
  int file_ = -1;
};

/// The name beside `path` under which this process writes what is to become it.
Path temporary_name(const Path& path);
/// What remove_leftovers looks for: it stands between a name and the number of the process.
inline constexpr const char* kTemporaryMark = ".tmp-";
/// Ends the name of a whole folder that waits to be moved into its place (replace_folder).
inline constexpr const char* kWaitingMark = ".tmp-next";

/// Writes all bytes to an open file; `path` is its name in messages.
void write_all(int file, std::span<const std::byte> bytes, const Path& path);
Path folder_of(const Path& path);  ///< "." where the path has none
void sync_folder(const Path& folder);

}  // namespace elbo
