// One line of the log from whatever the message holds: it is always one line of valid UTF-8. Knows
// neither clock nor descriptor.
//   2026-03-01T12:00:00.123Z warning link to chat2 lost: connection reset
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

namespace presenter::gateway {

// A line with its line feed is no longer than this, which a pipe takes whole or not at all
// (PIPE_BUF). What is longer is cut, with `…` in its place.
inline constexpr std::size_t log_line_bytes_max = 4'096;

struct log_line {
  std::chrono::system_clock::time_point time;
  std::string_view level;
  std::string_view message;
};

// With its line feed.
std::string format_line(const log_line& line);

}  // namespace presenter::gateway
