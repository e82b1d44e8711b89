// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/machine.h"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

namespace elbo {
namespace {

/// The first number of a file; nothing where there is none ("max") or no such file.
bool read_first(const Path& path, double& number, double* second = nullptr) {
  std::ifstream in(path);
  if (!(in >> number)) return false;
  return !second || bool(in >> *second);
}

/// The number after a key at the beginning of a line: "MemAvailable:  123 kB", "inactive_file 42".
bool read_entry(const Path& path, const std::string& key, double& number) {
  std::ifstream in(path);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string word;
    if (words >> word >> number && word == key) return true;
  }
  return false;
}

/// Visits the folders of the process's groups for a controller, its own first, then those above it.
/// A container may show its own group as the root: what is not there is passed over.
void for_each_group(const Path& root, const std::string& controller,
                    const std::function<void(const Path&, bool is_v2)>& visit) {
  const Path mounted = root / "sys/fs/cgroup";
  std::ifstream in(root / "proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {  // "4:memory:/path", of version 2 "0::/path"
    size_t first = line.find(':'), second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) continue;
    std::string names = line.substr(first + 1, second - first - 1);
    const bool is_v2 = names.empty();
    std::istringstream list(names);
    bool is_ours = is_v2;
    for (std::string name; std::getline(list, name, ',');) is_ours = is_ours || name == controller;
    if (!is_ours) continue;
    for (const std::string& mount : {names, controller, std::string("unified")}) {
      Path base = is_v2 && mount != "unified" ? mounted : mounted / mount;
      Path path = Path(line.substr(second + 1)).relative_path();
      for (;; path = path.parent_path()) {
        visit(base / path, is_v2);
        if (path.empty()) break;
      }
    }
  }
}

int64_t cores_of_mask() {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  if (::sched_getaffinity(0, sizeof mask, &mask) == 0) return CPU_COUNT(&mask);
  return static_cast<int64_t>(std::thread::hardware_concurrency());  // over 1,024 processors
}

}  // namespace

int64_t usable_cores(const Path& root) {
  int64_t out = std::max<int64_t>(1, cores_of_mask());
  for_each_group(root, "cpu", [&](const Path& group, bool is_v2) {
    double quota = 0, period = 0;
    bool is_limited = is_v2 ? read_first(group / "cpu.max", quota, &period)
                            : read_first(group / "cpu.cfs_quota_us", quota) &&
                                  read_first(group / "cpu.cfs_period_us", period);
    if (!is_limited || quota <= 0 || period <= 0) return;  // -1: no limit
    out = std::min(out, std::max<int64_t>(1, std::llround(std::ceil(quota / period))));
  });
  return out;
}

uint64_t usable_memory(const Path& root) {
  double least = INFINITY, available = 0;
  if (read_entry(root / "proc/meminfo", "MemAvailable:", available)) least = 1024 * available;
  for_each_group(root, "memory", [&](const Path& group, bool is_v2) {
    double limit = 0, used = 0, cache = 0;
    bool is_limited = read_first(group / (is_v2 ? "memory.max" : "memory.limit_in_bytes"), limit);
    if (!is_limited || limit >= 0x1p62) return;  // version 1 writes "no limit" as a huge number
    read_first(group / (is_v2 ? "memory.current" : "memory.usage_in_bytes"), used);
    read_entry(group / "memory.stat", is_v2 ? "inactive_file" : "total_inactive_file", cache);
    least = std::min(least, std::max(0.0, limit - used + cache));
  });
  return std::isfinite(least) ? static_cast<uint64_t>(least) : UINT64_MAX;
}

}  // namespace elbo
