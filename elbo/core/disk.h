// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <memory>
#include <span>
#include <string>

#include "elbo/core/files.h"

namespace elbo {

/// A file whose bytes are read where they lie, by any number of threads.
class DiskFile {
 public:
  /// Throws Error(Code::data) naming the file when it is missing, no regular file or unreadable.
  explicit DiskFile(const Path& path);
  /// A new file without a name, to be written and read again; its space is free when this object
  /// goes. It lies in $TMPDIR, else in /var/tmp or /tmp. Throws Error(Code::resource).
  static std::shared_ptr<DiskFile> make_temporary();
  ~DiskFile();
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;

  const std::string& name() const { return name_; }
  /// Under which this process can open it again, from its start.
  Path path() const;
  uint64_t size() const { return size_; }  ///< bytes when it was opened, and those appended since

  /// Throws Error(Code::data) when the file ends before the bytes asked for: it was cut short.
  void read(uint64_t offset, std::span<std::byte> out) const;
  /// Reads into the pieces one after another what follows on the offset.
  void read(uint64_t offset, std::span<const std::span<std::byte>> pieces) const;
  /// Throws Error(Code::resource) when the disk is full. Not for several threads.
  void append(std::span<const std::byte> bytes);

 private:
  DiskFile(int file, std::string name) : file_(file), name_(std::move(name)) {}

  int file_ = -1;
  std::string name_;
  uint64_t size_ = 0;
};

/// SHA-256 of bytes that come in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  void add(std::span<const std::byte> bytes);
  std::string digits();  ///< 64 lower-case hexadecimal digits; nothing may be added after

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace elbo
