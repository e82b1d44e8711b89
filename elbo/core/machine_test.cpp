// SPDX-License-Identifier: Apache-2.0
#include "elbo/core/machine.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <thread>

namespace elbo {
namespace {

/// The files of a machine, as Linux lays them out.
class MachineTest : public testing::Test {
 protected:
  Path root = make_unique_folder(std::filesystem::temp_directory_path(), "elbo-machine-test");
  ~MachineTest() override { std::filesystem::remove_all(root); }
  void put(const Path& name, const std::string& text) {
    std::filesystem::create_directories((root / name).parent_path());
    write_file(root / name, text);
  }
  void put_machine(int64_t available_kib) {
    put("proc/meminfo", fmt::format("MemTotal: 99999999 kB\nMemFree: 1 kB\nMemAvailable:   {} kB\n",
                                    available_kib));
  }
};

/// Runs `act` on a thread of its own, whose mask may be changed.
void on_one_core(const std::function<void()>& act) {
  std::thread([&] {
    cpu_set_t all, one;
    ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
    CPU_ZERO(&one);
    int core = 0;
    while (!CPU_ISSET(core, &all)) ++core;
    CPU_SET(core, &one);
    ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
    act();
  }).join();
}

TEST_F(MachineTest, CoresFollowTheAffinityMask) {
  on_one_core([&] { EXPECT_EQ(usable_cores(root), 1); });
  EXPECT_GE(usable_cores(root), 1);
  EXPECT_LE(usable_cores(), static_cast<int64_t>(std::thread::hardware_concurrency()));
}

TEST_F(MachineTest, AQuotaOfEitherVersionLimitsCores) {
  const int64_t all = usable_cores(root);
  for (auto [quota, cores] : {std::pair(50000, 1), {100000, 1}, {150000, 2}, {6400000, 64}}) {
    std::filesystem::remove_all(root / "sys");
    put("proc/self/cgroup", "0::/a/b\n");
    put("sys/fs/cgroup/a/b/cpu.max", "max 100000\n");
    put("sys/fs/cgroup/a/cpu.max", fmt::format("{} 100000\n", quota));  // of a group above it
    EXPECT_EQ(usable_cores(root), std::min<int64_t>(all, cores)) << "version 2, " << quota;
    std::filesystem::remove_all(root / "sys");
    put("proc/self/cgroup", "7:pids:/x\n3:cpu,cpuacct:/docker/12\n");
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", fmt::format("{}\n", quota));
    put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");  // the container's own root
    EXPECT_EQ(usable_cores(root), std::min<int64_t>(all, cores)) << "version 1, " << quota;
  }
  put("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(usable_cores(root), all);
}

TEST_F(MachineTest, MemoryIsWhatTheMachineHasAvailable) {
  EXPECT_EQ(usable_memory(root), UINT64_MAX) << "nothing is known";
  put_machine(2048);
  EXPECT_EQ(usable_memory(root), 2u << 20);
  EXPECT_GT(usable_memory(), 1u << 20);
}

TEST_F(MachineTest, MemoryIsWhatIsLeftOfTheLeastGroup) {
  put_machine(1 << 20);
  put("proc/self/cgroup", "0::/a/b\n");
  put("sys/fs/cgroup/a/b/memory.max", "max\n");
  EXPECT_EQ(usable_memory(root), 1u << 30);
  put("sys/fs/cgroup/a/memory.max", "5000000\n");
  put("sys/fs/cgroup/a/memory.current", "3000000\n");
  EXPECT_EQ(usable_memory(root), 2000000u);
  put("sys/fs/cgroup/a/memory.stat", "anon 7\ninactive_file 1000000\nfile 9\n");
  EXPECT_EQ(usable_memory(root), 3000000u) << "file cache can go";
  put("sys/fs/cgroup/a/b/memory.max", "100\n");
  put("sys/fs/cgroup/a/b/memory.current", "400\n");
  EXPECT_EQ(usable_memory(root), 0u) << "a group may be over its limit";
}

TEST_F(MachineTest, MemoryOfVersion1IsReadBesideVersion2) {
  put_machine(1 << 20);
  put("proc/self/cgroup", "4:memory:/job\n0::/\n");
  put("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "9223372036854771712\n");
  EXPECT_EQ(usable_memory(root), 1u << 30) << "this number says that there is no limit";
  put("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "8000000\n");
  put("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "1000000\n");
  EXPECT_EQ(usable_memory(root), 7000000u);
  put("sys/fs/cgroup/unified/memory.max", "10\n");
  EXPECT_EQ(usable_memory(root), 10u);
}

TEST_F(MachineTest, FilesThatMakeNoSenseArePassedOver) {
  put_machine(1024);
  put("proc/self/cgroup", "nonsense\n::\n0::\n5:memory\n");
  put("sys/fs/cgroup/memory.max", "much\n");
  put("sys/fs/cgroup/cpu.max", "-5 0\n");
  EXPECT_EQ(usable_memory(root), 1u << 20);
  EXPECT_GE(usable_cores(root), 1);
}

}  // namespace
}  // namespace elbo
