// SPDX-License-Identifier: Apache-2.0
#include "elbo/io/standard_input.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "elbo/core/disk.h"

namespace elbo {
namespace {

std::shared_ptr<DiskFile> spool() {
  ELBO_CHECK(!::isatty(STDIN_FILENO), Code::usage,
             "-: standard input is a terminal\nSend data to it with | or <, or name a file.");
  auto out = DiskFile::make_temporary();
  Bytes block(1 << 20);
  for (;;) {
    ssize_t n = ::read(STDIN_FILENO, block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    ELBO_CHECK(n >= 0, Code::data, "cannot read {}: {}", kStandardInputName, std::strerror(errno));
    if (n == 0) break;
    out->append(std::span(block).first(static_cast<size_t>(n)));
  }
  ELBO_CHECK(out->size() > 0, Code::data, "-: nothing came from {}", kStandardInputName);
  return out;
}

}  // namespace

const Path& standard_input() {
  static const std::shared_ptr<DiskFile> file = spool();
  static const Path path = file->path();
  return path;
}

std::string with_standard_input_named(std::string text) {
  const std::string path = standard_input().string();
  for (size_t at = 0; (at = text.find(path, at)) != std::string::npos;) {
    text.replace(at, path.size(), kStandardInputName);
  }
  return text;
}

}  // namespace elbo
