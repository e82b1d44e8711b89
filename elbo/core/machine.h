// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

#include "elbo/core/files.h"

namespace elbo {

/// What this process may use of the machine it runs on. `root` is "/" but in tests, which lay out
/// files as Linux has them below proc/ and sys/fs/cgroup/ elsewhere.
///
/// Both follow every group of processes (cgroup, version 1 and 2) that the process belongs to, from
/// its own up to the root: a container or a batch system grants less than the machine has.

/// Processors it may compute on: those of its affinity mask, and no more than the time that its
/// groups grant, rounded up (cpu.max; cpu.cfs_quota_us / cpu.cfs_period_us). At least 1.
int64_t usable_cores(const Path& root = "/");

/// Bytes it may still take before something is killed: MemAvailable of the machine, or what is left
/// of the least of its groups' limits (memory.max; memory.limit_in_bytes), whose file cache can go.
/// UINT64_MAX where nothing is known.
uint64_t usable_memory(const Path& root = "/");

}  // namespace elbo
