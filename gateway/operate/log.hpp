// The log: spdlog's default logger, one line per event to stderr, as log_line.hpp says. No line is
// waited for: see log_output.hpp.
// Whoever runs the process (systemd, a container) collects stderr; files and rotation are its
// business.
#pragma once

#include <chrono>
#include <span>
#include <string_view>

#include "base/log_pace.hpp"
#include "gateway/operate/log_line.hpp"
#include "gateway/vocabulary/log_format.hpp"
#include "gateway/vocabulary/log_level.hpp"

namespace presenter::gateway {

// Call once, before the first thread starts. Text from outside cannot forge a line.
void init_logging(log_level level, log_format format = log_format::text);

// From now on. Any thread.
void set_log_level(log_level level);
log_level log_level_in_force();
void set_log_format(log_format format);

// For lines whose level comes from a table. is_logged tells whether it is worth while to make one.
bool is_logged(log_level level);
void write_log(log_level level, std::string_view line);
// A message with fields, at level info.
void write_record(std::string_view message, std::span<const log_field> fields);

// The line that `make` returns, unless the pace holds it back; at level debug nothing is.
template <class Make>
void write_paced(log_level level, log_pace& pace, Make make) {
  if (!is_logged(level)) return;
  const auto unsaid = pace.admit(std::chrono::steady_clock::now());
  if (unsaid || is_logged(log_level::debug))
    write_log(level, make() + more_since(unsaid.value_or(0)));
}

}  // namespace presenter::gateway
