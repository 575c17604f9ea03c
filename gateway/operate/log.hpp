// The log: spdlog's default logger, one line per event to stderr, time in UTC with milliseconds:
//   2026-03-01T12:00:00.123Z warning link to chat2 lost: connection reset
// Whoever runs the process (systemd, a container) collects stderr; files and rotation are its
// business.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
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

// " (3 more since the last line)", for what a log_pace held back; empty for 0.
std::string more_since(std::uint64_t held_back);

// For a line that one peer, one backend that is away, or a full process, could cause without end:
// so many are written in each interval. Confined to: its owner's thread.
class log_pace {
 public:
  explicit log_pace(std::uint64_t lines = 1,
                    std::chrono::seconds interval = std::chrono::seconds{10})
      : lines_(lines), interval_(interval) {}

  // How many lines have been held back since the last; nothing: this one is.
  std::optional<std::uint64_t> admit(std::chrono::steady_clock::time_point now) {
    if (!next_ || now >= *next_) {
      next_ = now + interval_;
      left_ = lines_;
    }
    if (left_ == 0) {
      ++held_back_;
      return std::nullopt;
    }
    --left_;
    return std::exchange(held_back_, 0);
  }

 private:
  std::uint64_t lines_;
  std::chrono::seconds interval_;
  std::optional<std::chrono::steady_clock::time_point> next_;
  std::uint64_t left_ = 0;
  std::uint64_t held_back_ = 0;
};

// The line that `make` returns, unless the pace holds it back; at level debug nothing is.
template <class Make>
void write_paced(log_level level, log_pace& pace, Make make) {
  if (!is_logged(level)) return;
  const auto unsaid = pace.admit(std::chrono::steady_clock::now());
  if (unsaid || is_logged(log_level::debug))
    write_log(level, make() + more_since(unsaid.value_or(0)));
}

}  // namespace presenter::gateway
