// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "elbo/core/error.h"

namespace elbo {

using Bytes = std::vector<std::byte>;
using Path = std::filesystem::path;

std::span<const std::byte> as_bytes(std::string_view text);
std::string_view as_text(std::span<const std::byte> bytes);

/// The whole file. Throws Error(code) naming the file when it is missing, a folder, unreadable, or
/// longer than max_bytes.
Bytes read_file(const Path& path, uint64_t max_bytes = uint64_t{1} << 34, Code code = Code::data);
std::string read_text(const Path& path, uint64_t max_bytes = uint64_t{1} << 30,
                      Code code = Code::data);

/// Writes the whole file or nothing: a temporary file in the same folder, every result checked,
/// fsync, rename over the target, fsync of the folder. Throws Error(Code::resource).
void write_file(const Path& path, std::span<const std::byte> bytes);
void write_file(const Path& path, std::string_view text);

/// Exchanges two names in one step: renameat2 with RENAME_EXCHANGE. 0, or -1 with errno.
int exchange_names(const Path& a, const Path& b);

/// Fills a fresh temporary folder beside `path` through `fill`, then puts it in the place of `path`
/// (the old folder goes last). Readers see the old or the new folder, never a mixture. In one step
/// where the file system can exchange names. Elsewhere (NFS, 9p, old FUSE) the new folder takes a
/// waiting name, the old one is moved away and the new one moved in; what a process leaves that is
/// killed between the two, settled_folder() finds and recover_folder() mends. `exchange` stands for
/// the system's call in tests: 0, or -1 with errno.
void replace_folder(const Path& path, const std::function<void(const Path&)>& fill,
                    int (*exchange)(const Path& a, const Path& b) = exchange_names);

/// Where a folder that replace_folder writes can be read: `path`, or its waiting name where it is
/// there alone.
Path settled_folder(const Path& path);

/// Moves a folder in that is there under its waiting name alone. For the process that writes it;
/// leaves all as it is where that fails.
void recover_folder(const Path& path);

/// Removes what write_file and replace_folder of a killed process left half-written in a folder,
/// and moves in what waits for its place.
void remove_leftovers(const Path& folder);

/// Makes `parent/name`, or `parent/name-2`, `-3`, ... when taken. Never reuses an existing folder.
Path make_unique_folder(const Path& parent, const std::string& name);

/// Holds a folder against other processes for as long as this object lives; a killed process lets
/// go. Throws Error(Code::usage) when another process holds it.
class FolderLock {
 public:
  explicit FolderLock(const Path& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int folder_ = -1;
};

/// Appends to a file, each call one write to the system: a killed process loses no earlier call.
class LineWriter {
 public:
  explicit LineWriter(Path path);
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;
  void line(std::string_view text);    ///< the text and a line feed
  void append(std::string_view text);  ///< the text alone

 private:
  Path path_;
  int file_ = -1;
};

/// SHA-256 as 64 lower-case hexadecimal digits.
std::string sha256(std::span<const std::byte> bytes);
std::string sha256(std::string_view text);

}  // namespace elbo
