// The log: spdlog's default logger, one line per event to stderr, time in UTC with milliseconds:
//   2026-03-01T12:00:00.123Z warning link to chat2 lost: connection reset
// Whoever runs the process (systemd, a container) collects stderr; files and rotation are its
// business.
#pragma once

#include <string_view>

#include "gateway/log_level.hpp"

namespace presenter::gateway {

// Call once, before the first thread starts. Control characters inside a message become '?', so
// that text from outside cannot forge a line.
void init_logging(log_level level);

// For lines whose level comes from a table. is_logged tells whether it is worth while to make one.
bool is_logged(log_level level);
void write_log(log_level level, std::string_view line);

}  // namespace presenter::gateway
