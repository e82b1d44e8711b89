// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/file_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

namespace elbo {
namespace {

std::string reason() { return std::strerror(errno); }

}  // namespace

Path folder_of(const Path& path) { return path.has_parent_path() ? path.parent_path() : Path("."); }

void sync_folder(const Path& folder) {
  int file = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (file < 0) return;
  ::fsync(file);
  ::close(file);
}

void write_all(int file, std::span<const std::byte> bytes, const Path& path) {
  while (!bytes.empty()) {
    ssize_t n = ::write(file, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    ELBO_CHECK(n > 0, Code::resource, "cannot write {}: {}", path.string(), reason());
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

Path temporary_name(const Path& path) {
  return folder_of(path) / fmt::format("{}{}{}", path.filename().string(), kTemporaryMark,
                                       static_cast<long>(::getpid()));
}

FileWriter::FileWriter(Path path) : path_(std::move(path)), temporary_(temporary_name(path_)) {
  file_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  ELBO_CHECK(file_ >= 0, Code::resource, "cannot write {}: {}", path_.string(), reason());
}

FileWriter::~FileWriter() {
  if (file_ >= 0) ::close(file_);
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void FileWriter::append(std::span<const std::byte> bytes) { write_all(file_, bytes, path_); }

void FileWriter::finish() {
  bool is_kept = ::fsync(file_) == 0;
  is_kept = ::close(std::exchange(file_, -1)) == 0 && is_kept;
  ELBO_CHECK(is_kept && ::rename(temporary_.c_str(), path_.c_str()) == 0, Code::resource,
             "cannot write {}: {}", path_.string(), reason());
  temporary_.clear();
  sync_folder(folder_of(path_));
}

}  // namespace elbo
