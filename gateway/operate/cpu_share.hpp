// How many cores this process may use, which can be fewer than the machine has: by its affinity
// (taskset, a cpuset) and by the CPU quota of its control group, of version 2 or 1 (systemd's
// CPUQuota, a container's limit).
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>

namespace presenter::gateway {

struct cpu_share {
  std::size_t cores = 1;        // of the affinity
  std::optional<double> quota;  // in cores, of the group that has the least; nothing: none is set

  // 1 or more. A quota is rounded up: a thread more than there is time for waits sometimes, a
  // thread less leaves some of it unused always.
  std::size_t threads() const;
};

// `root`: for tests, where /proc and the mounted control groups are looked for. What cannot be read
// limits nothing.
std::optional<double> read_cpu_quota(const std::filesystem::path& root = "/");

cpu_share read_cpu_share();

}  // namespace presenter::gateway
