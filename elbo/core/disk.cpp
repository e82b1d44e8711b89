// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/disk.h"

#include <fcntl.h>
#include <openssl/sha.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace elbo {
namespace {

constexpr size_t kMostPieces = 512;  // in one call; the system allows 1,024

std::string reason() { return std::strerror(errno); }

int open_nameless(const std::string& folder) {
  int file = ::open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0) return file;
  std::string name = folder + "/elbo-XXXXXX";  // not every file system knows nameless files
  file = ::mkostemp(name.data(), O_CLOEXEC);
  if (file >= 0) ::unlink(name.c_str());
  return file;
}

}  // namespace

DiskFile::DiskFile(const Path& path) : name_(path.string()) {
  file_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  ELBO_CHECK(file_ >= 0 || errno != ENOENT, Code::data, "{} does not exist", name_);
  ELBO_CHECK(file_ >= 0, Code::data, "cannot open {}: {}", name_, reason());
  struct stat info {};
  bool is_known = ::fstat(file_, &info) == 0;
  if (!is_known || !S_ISREG(info.st_mode)) ::close(std::exchange(file_, -1));
  ELBO_CHECK(is_known, Code::data, "cannot read {}: {}", name_, reason());
  ELBO_CHECK(file_ >= 0, Code::data, "{}: not a regular file", name_);
  size_ = static_cast<uint64_t>(info.st_size);
}

std::shared_ptr<DiskFile> DiskFile::make_temporary() {
  const char* asked = std::getenv("TMPDIR");
  std::vector<std::string> folders = {"/var/tmp", "/tmp"};
  if (asked && *asked) folders = {asked};
  for (const std::string& folder : folders) {
    int file = open_nameless(folder);
    if (file >= 0) {
      return std::shared_ptr<DiskFile>(new DiskFile(file, "a temporary file in " + folder));
    }
  }
  fail(Code::resource, "cannot make a temporary file in {}: {}\nSet TMPDIR to a folder with room.",
       folders[0], reason());
}

Path DiskFile::path() const { return fmt::format("/proc/self/fd/{}", file_); }

DiskFile::~DiskFile() {
  if (file_ >= 0) ::close(file_);
}

void DiskFile::read(uint64_t offset, std::span<std::byte> out) const {
  read(offset, std::span<const std::span<std::byte>>(&out, 1));
}

void DiskFile::read(uint64_t offset, std::span<const std::span<std::byte>> pieces) const {
  iovec vector[kMostPieces];
  size_t first = 0, done = 0;  // the piece being read, and how much of it is there
  while (first < pieces.size()) {
    size_t count = std::min(kMostPieces, pieces.size() - first);
    for (size_t i = 0; i < count; ++i) {
      std::span<std::byte> piece = pieces[first + i].subspan(i == 0 ? done : 0);
      vector[i] = {piece.data(), piece.size()};
    }
    ssize_t got = ::preadv(file_, vector, static_cast<int>(count), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    ELBO_CHECK(got >= 0, Code::data, "cannot read {}: {}", name_, reason());
    auto left = static_cast<size_t>(got);
    ELBO_CHECK(left > 0 || pieces[first].size() == done, Code::data,
               "{}: ends at byte {}, {} were there when it was opened\n"
               "The file was cut short while it was in use; restore it and start again.",
               name_, offset, size_);
    offset += left;
    while (first < pieces.size() && left >= pieces[first].size() - done) {
      left -= pieces[first++].size() - done;
      done = 0;
    }
    done += left;
  }
}

void DiskFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    ssize_t n = ::pwrite(file_, bytes.data(), bytes.size(), static_cast<off_t>(size_));
    if (n < 0 && errno == EINTR) continue;
    ELBO_CHECK(n > 0, Code::resource, "cannot write {}: {}\nSet TMPDIR to a folder with room.",
               name_, reason());
    size_ += static_cast<uint64_t>(n);
    bytes = bytes.subspan(static_cast<size_t>(n));
  }
}

struct Sha256::State {
  SHA256_CTX context;
};

// OpenSSL 3 marks the calls in pieces as old in favour of a far longer interface.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

Sha256::Sha256() : state_(std::make_unique<State>()) { SHA256_Init(&state_->context); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;

void Sha256::add(std::span<const std::byte> bytes) {
  SHA256_Update(&state_->context, bytes.data(), bytes.size());
}

std::string Sha256::digits() {
  unsigned char digest[SHA256_DIGEST_LENGTH];
  SHA256_Final(digest, &state_->context);
  std::string out;
  for (unsigned char c : digest) out += fmt::format("{:02x}", c);
  return out;
}

#pragma GCC diagnostic pop

}  // namespace elbo
