// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/files.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "elbo/core/file_writer.h"

namespace elbo {
namespace {

namespace fs = std::filesystem;

std::string reason() { return std::strerror(errno); }

/// An open file descriptor, closed on the way out.
class File {
 public:
  File(const Path& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0666)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }
  bool is_open() const { return fd_ >= 0; }

 private:
  int fd_;
};

}  // namespace

std::span<const std::byte> as_bytes(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::string_view as_text(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

Bytes read_file(const Path& path, uint64_t max_bytes, Code code) {
  File file(path, O_RDONLY);
  ELBO_CHECK(file.is_open() || errno != ENOENT, code, "{} does not exist", path.string());
  ELBO_CHECK(file.is_open(), code, "cannot open {}: {}", path.string(), reason());
  struct stat info {};
  ELBO_CHECK(::fstat(file.fd(), &info) == 0, code, "cannot read {}: {}", path.string(), reason());
  ELBO_CHECK(S_ISREG(info.st_mode), code, "{}: not a regular file", path.string());
  auto size = static_cast<uint64_t>(info.st_size);
  ELBO_CHECK(size <= max_bytes, code, "{}: {} bytes, more than the {} allowed here", path.string(),
             size, max_bytes);
  Bytes out(size);
  size_t done = 0;
  while (done < out.size()) {
    ssize_t n = ::read(file.fd(), out.data() + done, out.size() - done);
    if (n < 0 && errno == EINTR) continue;
    ELBO_CHECK(n >= 0, code, "cannot read {}: {}", path.string(), reason());
    ELBO_CHECK(n > 0, code, "{}: shrank while it was read", path.string());
    done += static_cast<size_t>(n);
  }
  return out;
}

std::string read_text(const Path& path, uint64_t max_bytes, Code code) {
  return std::string(as_text(read_file(path, max_bytes, code)));
}

void write_file(const Path& path, std::span<const std::byte> bytes) {
  FileWriter writer(path);
  writer.append(bytes);
  writer.finish();
}

void write_file(const Path& path, std::string_view text) { write_file(path, as_bytes(text)); }

int exchange_names(const Path& a, const Path& b) {
  return ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
}

namespace {

/// The name under which a whole new folder waits for its place.
Path waiting_name(const Path& path) {
  return folder_of(path) / (path.filename().string() + kWaitingMark);
}

/// The new folder waits whole before the old one goes, so that at any moment one of them is there
/// under a name that recover_folder knows.
void replace_by_moving(const Path& fresh, const Path& path) {
  Path waiting = waiting_name(path), old = fresh.string() + "0";  // a leftover's name too
  auto move = [&](const Path& from, const Path& to) {
    ELBO_CHECK(::rename(from.c_str(), to.c_str()) == 0, Code::resource, "cannot replace {}: {}",
               path.string(), reason());
    sync_folder(folder_of(path));
  };
  std::error_code ignored;
  fs::remove_all(waiting, ignored);  // of a process killed after its new folder was moved in
  fs::remove_all(old, ignored);
  move(fresh, waiting);
  move(path, old);
  move(waiting, path);
  fs::remove_all(old, ignored);
}

}  // namespace

void replace_folder(const Path& path, const std::function<void(const Path&)>& fill,
                    int (*exchange)(const Path& a, const Path& b)) {
  recover_folder(path);
  Path temporary = temporary_name(path);
  std::error_code ignored;
  fs::remove_all(temporary, ignored);
  try {
    std::error_code error;
    fs::create_directories(temporary, error);
    ELBO_CHECK(!error, Code::resource, "cannot write {}: {}", path.string(), error.message());
    fill(temporary);
    sync_folder(temporary);
    if (!fs::exists(path)) {
      ELBO_CHECK(::rename(temporary.c_str(), path.c_str()) == 0, Code::resource,
                 "cannot write {}: {}", path.string(), reason());
    } else if (exchange(temporary, path) != 0) {
      bool is_unknown = errno == EINVAL || errno == ENOSYS || errno == ENOTSUP;
      ELBO_CHECK(is_unknown, Code::resource, "cannot replace {}: {}", path.string(), reason());
      replace_by_moving(temporary, path);
    }
  } catch (...) {
    fs::remove_all(temporary, ignored);
    throw;
  }
  sync_folder(folder_of(path));
  fs::remove_all(temporary, ignored);
}

Path settled_folder(const Path& path) {
  std::error_code error;
  if (fs::exists(path, error)) return path;
  Path waiting = waiting_name(path);
  return fs::exists(waiting, error) ? waiting : path;
}

void recover_folder(const Path& path) {
  Path found = settled_folder(path);
  if (found != path && ::rename(found.c_str(), path.c_str()) == 0) sync_folder(folder_of(path));
}

void remove_leftovers(const Path& folder) {
  std::vector<Path> found, waiting;
  for (const auto& entry : fs::directory_iterator(folder)) {
    std::string name = entry.path().filename().string();
    size_t at = name.rfind(kTemporaryMark);
    size_t digits = at == std::string::npos ? name.size() : at + std::strlen(kTemporaryMark);
    bool is_number = name.find_first_not_of("0123456789", digits) == std::string::npos;
    if (digits < name.size() && is_number) found.push_back(entry.path());
    if (name.ends_with(kWaitingMark)) waiting.push_back(entry.path());
  }
  std::error_code ignored;
  for (const Path& path : found) fs::remove_all(path, ignored);
  for (const Path& path : waiting) {
    std::string name = path.string();
    recover_folder(name.substr(0, name.size() - std::strlen(kWaitingMark)));
    fs::remove_all(path, ignored);  // still there: the old folder was not moved away yet
  }
}

Path make_unique_folder(const Path& parent, const std::string& name) {
  std::error_code error;
  fs::create_directories(parent, error);
  ELBO_CHECK(!error, Code::resource, "cannot make folder {}: {}", parent.string(), error.message());
  for (int i = 1; i < 100000; ++i) {
    Path path = parent / (i == 1 ? name : fmt::format("{}-{}", name, i));
    if (::mkdir(path.c_str(), 0777) == 0) return path;
    ELBO_CHECK(errno == EEXIST, Code::resource, "cannot make folder {}: {}", path.string(),
               reason());
  }
  fail(Code::resource, "too many folders named {} in {}", name, parent.string());
}

FolderLock::FolderLock(const Path& folder) {
  folder_ = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ELBO_CHECK(folder_ >= 0, Code::resource, "cannot open folder {}: {}", folder.string(), reason());
  if (::flock(folder_, LOCK_EX | LOCK_NB) == 0) return;
  int error = errno;
  ::close(folder_);
  // Some network file systems know no locks; there the user sees to it.
  ELBO_CHECK(error != EWOULDBLOCK, Code::usage,
             "{} is being trained by another process\nWait until it ends, or stop it first.",
             folder.string());
  folder_ = -1;
}

FolderLock::~FolderLock() {
  if (folder_ >= 0) ::close(folder_);
}

LineWriter::LineWriter(Path path) : path_(std::move(path)) {
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
  ELBO_CHECK(file_ >= 0, Code::resource, "cannot write {}: {}", path_.string(), reason());
}

LineWriter::~LineWriter() {
  if (file_ >= 0) ::close(file_);
}

void LineWriter::line(std::string_view text) { append(std::string(text) + "\n"); }

void LineWriter::append(std::string_view text) { write_all(file_, as_bytes(text), path_); }

std::string sha256(std::span<const std::byte> bytes) {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest);
  std::string out;
  for (unsigned char c : digest) out += fmt::format("{:02x}", c);
  return out;
}

std::string sha256(std::string_view text) { return sha256(as_bytes(text)); }

}  // namespace elbo
