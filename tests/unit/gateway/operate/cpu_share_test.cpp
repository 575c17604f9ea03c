#include "gateway/operate/cpu_share.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include <fstream>

#include "tests/support/own_folder.hpp"

namespace presenter::gateway {
namespace {

namespace fs = std::filesystem;

// A /proc and control groups of the test's own.
class CpuQuota : public ::testing::Test {
 protected:
  void write(const fs::path& at, const std::string& text) {
    const fs::path path = root / at.relative_path();
    fs::create_directories(path.parent_path());
    std::ofstream(path) << text;
  }
  void mount(const std::string& text) { write("/proc/self/mountinfo", text); }
  void group(const std::string& text) { write("/proc/self/cgroup", text); }
  std::optional<double> quota() const { return read_cpu_quota(root); }

  const tests::own_folder folder;
  const fs::path root = folder.path();
};

constexpr const char* version_2 =
    "24 1 0:22 / /proc rw - proc proc rw\n"
    "30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n";

TEST_F(CpuQuota, NothingThereIsNoLimit) {
  EXPECT_EQ(quota(), std::nullopt);
  mount(version_2);
  EXPECT_EQ(quota(), std::nullopt);
  group("0::/\n");
  EXPECT_EQ(quota(), std::nullopt);
  write("/sys/fs/cgroup/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), std::nullopt);
  write("/sys/fs/cgroup/cpu.max", "garbage");
  EXPECT_EQ(quota(), std::nullopt);
}

TEST_F(CpuQuota, OfVersion2IsTheLeastOfTheGroupAndThoseAboveIt) {
  mount(version_2);
  group("0::/system.slice/presenter.service\n");
  write("/sys/fs/cgroup/system.slice/presenter.service/cpu.max", "150000 100000\n");
  EXPECT_EQ(quota(), 1.5);
  write("/sys/fs/cgroup/system.slice/cpu.max", "50000 100000\n");
  EXPECT_EQ(quota(), 0.5);
  write("/sys/fs/cgroup/system.slice/cpu.max", "max 100000\n");
  EXPECT_EQ(quota(), 1.5);
}

TEST_F(CpuQuota, OfVersion1IsInTwoFiles) {
  mount(
      "31 24 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
      "32 24 0:28 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
      "33 24 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  group("5:cpuset:/\n4:cpu,cpuacct:/box\n0::/\n");
  write("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
  write("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "-1\n");
  EXPECT_EQ(quota(), std::nullopt);
  write("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "250000\n");
  EXPECT_EQ(quota(), 2.5);
}

// A container that sees the machine's paths, and mounted its own group only.
TEST_F(CpuQuota, IsFoundWhereOnlyOneGroupIsMounted) {
  mount("30 24 0:26 /docker/1234 /sys/fs/cgroup ro - cgroup2 cgroup2 rw\n");
  group("0::/docker/1234\n");
  write("/sys/fs/cgroup/cpu.max", "200000 100000\n");
  EXPECT_EQ(quota(), 2.0);
  group("0::/docker/1234/inner\n");
  write("/sys/fs/cgroup/inner/cpu.max", "100000 100000\n");
  EXPECT_EQ(quota(), 1.0);
  group("0::/docker/12345\n");
  EXPECT_EQ(quota(), 2.0) << "another's group: what is mounted counts";
}

TEST(CpuShare, RoundsUpWithinTheAffinity) {
  EXPECT_EQ((cpu_share{4, std::nullopt}.threads()), 4U);
  EXPECT_EQ((cpu_share{4, 1.5}.threads()), 2U);
  EXPECT_EQ((cpu_share{4, 2.0}.threads()), 2U);
  EXPECT_EQ((cpu_share{4, 0.1}.threads()), 1U);
  EXPECT_EQ((cpu_share{2, 64.0}.threads()), 2U);
}

TEST(CpuShare, FollowsTheAffinityOfTheProcess) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  for (int core = 0; core < CPU_SETSIZE && CPU_COUNT(&one) == 0; ++core) {
    if (CPU_ISSET(core, &before)) CPU_SET(core, &one);
  }
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(read_cpu_share().cores, 1U);
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(read_cpu_share().cores, static_cast<std::size_t>(CPU_COUNT(&before)));
}

}  // namespace
}  // namespace presenter::gateway
