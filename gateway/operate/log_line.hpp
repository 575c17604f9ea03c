// One line of the log, as text or as one JSON object, from whatever the message holds: it is always
// one line of valid UTF-8. Knows neither clock nor descriptor.
//   2026-03-01T12:00:00.123Z warning link to chat2 lost: connection reset
//   {"time":"2026-03-01T12:00:00.123Z","level":"warning","message":"link to chat2 lost: …"}
#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "gateway/vocabulary/log_format.hpp"

namespace presenter::gateway {

// A line with its line feed is no longer than this, which a pipe takes whole or not at all
// (PIPE_BUF). What is longer is cut, with `…` in its place; fields that do not fit are left out.
inline constexpr std::size_t log_line_bytes_max = 4'096;

// What a record tells besides its message. Bare: a number or a bool, without quotes in JSON.
struct log_field {
  log_field(std::string_view name_, std::string text_) : name(name_), text(std::move(text_)) {}
  static log_field bare(std::string_view name, std::string text) {
    log_field made(name, std::move(text));
    made.is_bare = true;
    return made;
  }

  std::string_view name;
  std::string text;
  bool is_bare = false;
};

struct log_line {
  std::chrono::system_clock::time_point time;
  std::string_view level;
  std::string_view message;
  std::span<const log_field> fields = {};
};

// The time as every line has it, "2026-03-01T12:00:00.123Z", into at least `log_time_bytes`; how
// long it is. Needs no memory and no lock.
inline constexpr std::size_t log_time_bytes = 32;
std::size_t put_time(std::span<char> into, std::chrono::system_clock::time_point at) noexcept;

// With its line feed. As text, a field is `name=value`; the value is in quotes, as in JSON, unless
// it is of plain printable characters.
std::string format_line(log_format format, const log_line& line);

}  // namespace presenter::gateway
