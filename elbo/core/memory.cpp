// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/memory.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <string>

namespace elbo {
namespace {

/// The number that a file consists of; none where it holds a word ("max").
std::optional<uint64_t> number_in(const char* path) {
  std::ifstream in(path);
  uint64_t out = 0;
  return in >> out ? std::optional(out) : std::nullopt;
}

uint64_t available_in_system() {
  std::ifstream in("/proc/meminfo");
  std::string name;
  uint64_t kib = 0;
  while (in >> name >> kib) {
    if (name == "MemAvailable:") return kib << 10;
    in.ignore(64, '\n');
  }
  return UINT64_MAX;
}

}  // namespace

uint64_t memory_left() {
  uint64_t out = available_in_system();
  for (auto [limit_file, used_file] :
       {std::pair{"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"},
        {"/sys/fs/cgroup/memory/memory.limit_in_bytes",
         "/sys/fs/cgroup/memory/memory.usage_in_bytes"}}) {
    auto limit = number_in(limit_file), used = number_in(used_file);
    if (limit && used) out = std::min(out, *limit - std::min(*limit, *used));
  }
  return out;
}

}  // namespace elbo
