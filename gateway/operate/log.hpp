// The log: spdlog's default logger, one line per event to stderr, time in UTC with milliseconds:
//   2026-03-01T12:00:00.123Z warning link to chat2 lost: connection reset
// Whoever runs the process (systemd, a container) collects stderr; files and rotation are its
// business.
#pragma once

#include "gateway/log_level.hpp"

namespace presenter::gateway {

// Call once, before the first thread starts. Control characters inside a message become '?', so
// that text from outside cannot forge a line.
void init_logging(log_level level);

}  // namespace presenter::gateway
