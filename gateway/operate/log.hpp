// The log: spdlog's default logger, one line per event to stderr, time in UTC with milliseconds:
//   2026-03-01T12:00:00.123Z warning link to chat2 lost: connection reset
// Whoever runs the process (systemd, a container) collects stderr; files and rotation are its
// business.
#pragma once

#include <chrono>
#include <string_view>

#include "base/log_pace.hpp"
#include "gateway/vocabulary/log_level.hpp"

namespace presenter::gateway {

// Call once, before the first thread starts. Control characters inside a message become '?', so
// that text from outside cannot forge a line.
void init_logging(log_level level);

// From now on. Any thread.
void set_log_level(log_level level);
log_level log_level_in_force();

// For lines whose level comes from a table. is_logged tells whether it is worth while to make one.
bool is_logged(log_level level);
void write_log(log_level level, std::string_view line);

// The line that `make` returns, unless the pace holds it back; at level debug nothing is.
template <class Make>
void write_paced(log_level level, log_pace& pace, Make make) {
  if (!is_logged(level)) return;
  const auto unsaid = pace.admit(std::chrono::steady_clock::now());
  if (unsaid || is_logged(log_level::debug))
    write_log(level, make() + more_since(unsaid.value_or(0)));
}

}  // namespace presenter::gateway
