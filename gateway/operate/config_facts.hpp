// What became of the configuration's reloads, for the metrics.
#pragma once

#include <chrono>
#include <cstdint>

namespace presenter::gateway {

struct config_facts {
  std::uint64_t reloads = 0;
  std::uint64_t refusals = 0;
  bool was_last_taken = true;                      // a start counts as one
  std::chrono::system_clock::time_point taken_at;  // when what is in force was read
};

}  // namespace presenter::gateway
