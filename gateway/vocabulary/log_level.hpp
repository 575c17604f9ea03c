// How loud a line of the log is: the word in [log] level, in a close reason's row and in the log.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace presenter::gateway {

enum class log_level : std::uint8_t {
  debug,    // one line per client and stream: for looking at one case
  info,     // life of the process, links, map changes
  warning,  // something outside is wrong and the gateway goes on
  error,    // somebody should come and look
};

inline constexpr std::array<std::string_view, 4> log_level_names{"debug", "info", "warning",
                                                                 "error"};

constexpr std::string_view name_of(log_level level) noexcept {
  return log_level_names[static_cast<std::size_t>(level)];
}

// Nothing if `name` is none of `log_level_names`.
constexpr std::optional<log_level> log_level_of(std::string_view name) noexcept {
  for (std::size_t i = 0; i < log_level_names.size(); ++i)
    if (log_level_names[i] == name) return static_cast<log_level>(i);
  return std::nullopt;
}

}  // namespace presenter::gateway
