// What this process takes from the machine, as the kernel tells it. Linux only (/proc).
#pragma once

#include <cstdint>

namespace presenter::gateway {

// A value that cannot be had is 0.
struct process_usage {
  std::uint64_t resident_bytes = 0;
  std::uint64_t virtual_bytes = 0;
  std::uint64_t descriptors_open = 0;
  std::uint64_t descriptors_max = 0;  // RLIMIT_NOFILE, the soft one
  std::uint64_t threads = 0;
  double cpu_seconds = 0;  // user and system
};

// A scrape's worth of work: counting descriptors is linear in them.
process_usage read_process_usage();

}  // namespace presenter::gateway
