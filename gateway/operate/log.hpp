// The log: spdlog's default logger, one line per event to stderr, time in UTC with milliseconds:
//   2026-03-01T12:00:00.123Z warning link to chat2 lost: connection reset
// Whoever runs the process (systemd, a container) collects stderr; files and rotation are its
// business.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "gateway/log_level.hpp"

namespace presenter::gateway {

// Call once, before the first thread starts. Control characters inside a message become '?', so
// that text from outside cannot forge a line.
void init_logging(log_level level);

// For lines whose level comes from a table. is_logged tells whether it is worth while to make one.
bool is_logged(log_level level);
void write_log(log_level level, std::string_view line);

// For a line that one peer, or a full process, could cause without end: it is written once in ten
// seconds. Confined to: its owner's thread.
class log_pace {
 public:
  static constexpr std::chrono::seconds interval{10};

  // How many lines have been held back since the last; nothing: this one is.
  std::optional<std::uint64_t> admit(std::chrono::steady_clock::time_point now) {
    if (next_ && now < *next_) {
      ++held_back_;
      return std::nullopt;
    }
    next_ = now + interval;
    return std::exchange(held_back_, 0);
  }

 private:
  std::optional<std::chrono::steady_clock::time_point> next_;
  std::uint64_t held_back_ = 0;
};

}  // namespace presenter::gateway
