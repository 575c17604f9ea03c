#include "gateway/operate/cpu_share.hpp"

#include <sched.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace presenter::gateway {
namespace {

namespace fs = std::filesystem;

// A hierarchy of control groups that can limit CPU time, as /proc/self/mountinfo tells of it.
struct group_mount {
  bool is_version_2;
  std::string root;  // of what is mounted: a group's path
  std::string at;
};

std::vector<std::string> words_of(const std::string& line) {
  std::istringstream stream(line);
  std::vector<std::string> words;
  for (std::string word; stream >> word;)
    words.push_back(word);
  return words;
}

// Of "rw,cpu,cpuacct".
bool has_cpu(const std::string& names) {
  return ("," + names + ",").find(",cpu,") != std::string::npos;
}

// proc(5): "36 35 98:0 /root /at options optional… - type source super_options".
std::vector<group_mount> group_mounts(const fs::path& root) {
  std::vector<group_mount> mounts;
  std::ifstream file(root / "proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    const auto words = words_of(line);
    const auto dash = std::ranges::find(words, "-");
    if (words.size() < 6 || words.end() - dash < 4) continue;
    const bool is_version_2 = dash[1] == "cgroup2";
    if (is_version_2 || (dash[1] == "cgroup" && has_cpu(dash[3])))
      mounts.push_back({is_version_2, words[3], words[4]});
  }
  return mounts;
}

// cgroups(7): "0::/path" of version 2, "4:cpu,cpuacct:/path" of version 1.
std::optional<std::string> own_group(const fs::path& root, bool is_version_2) {
  std::ifstream file(root / "proc/self/cgroup");
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find(':');
    const auto second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (is_version_2 ? controllers.empty() : has_cpu(controllers)) return line.substr(second + 1);
  }
  return std::nullopt;
}

// "200000 100000" or "max 100000" of version 2; two files of version 1, where -1 is no limit.
std::optional<double> quota_of(const fs::path& group, bool is_version_2) {
  double quota = 0;
  double period = 0;
  if (is_version_2) {
    std::ifstream(group / "cpu.max") >> quota >> period;
  } else {
    std::ifstream(group / "cpu.cfs_quota_us") >> quota;
    std::ifstream(group / "cpu.cfs_period_us") >> period;
  }
  if (quota <= 0 || period <= 0) return std::nullopt;
  return quota / period;
}

// A container without a namespace of its own for groups sees the machine's path of its group, and
// mounted only the group itself.
fs::path folder_of(const std::string& group, const std::string& mounted) {
  const std::string above = mounted == "/" ? "" : mounted;
  const bool is_below =
      group.starts_with(above) && (group.size() == above.size() || group[above.size()] == '/');
  return is_below ? fs::path(group.substr(above.size())).relative_path() : fs::path();
}

std::size_t affinity_cores() {
  // Grows until the kernel's mask fits.
  for (int cores = 1'024; cores <= 1 << 20; cores *= 2) {
    std::vector<std::byte> mask(CPU_ALLOC_SIZE(cores));
    auto* const set = reinterpret_cast<cpu_set_t*>(mask.data());
    if (::sched_getaffinity(0, mask.size(), set) == 0)
      return static_cast<std::size_t>(std::max(1, CPU_COUNT_S(mask.size(), set)));
  }
  return std::max(1U, std::thread::hardware_concurrency());
}

}  // namespace

std::size_t cpu_share::threads() const {
  if (!quota) return cores;
  return std::clamp<std::size_t>(static_cast<std::size_t>(std::ceil(*quota)), 1, cores);
}

// A group has no more than those it stands in.
std::optional<double> read_cpu_quota(const fs::path& root) {
  std::optional<double> least;
  for (const group_mount& mount : group_mounts(root)) {
    const auto group = own_group(root, mount.is_version_2);
    if (!group) continue;
    fs::path below = folder_of(*group, mount.root);
    const fs::path top = root / fs::path(mount.at).relative_path();
    while (true) {
      if (const auto quota = quota_of(top / below, mount.is_version_2))
        least = std::min(least.value_or(*quota), *quota);
      if (below.empty()) break;
      below = below.parent_path();
    }
  }
  return least;
}

cpu_share read_cpu_share() {
  return {affinity_cores(), read_cpu_quota()};
}

}  // namespace presenter::gateway
