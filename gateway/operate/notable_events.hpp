// The last lines of the log that are worth an operator's look: warnings and errors, and what is
// said at info, but not who came and went.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "gateway/vocabulary/log_level.hpp"

namespace presenter::gateway {

struct notable_event {
  std::chrono::system_clock::time_point at;
  log_level level = log_level::info;
  std::string text;
};

inline constexpr std::size_t notable_events_max = 50;

// From now on the log's lines are kept. Call once, behind init_logging and before the first thread
// starts. Bounds: notable_events_max lines, of each the first 512 bytes.
void keep_notable_events();

// Oldest first. Any thread.
std::vector<notable_event> notable_events();

}  // namespace presenter::gateway
