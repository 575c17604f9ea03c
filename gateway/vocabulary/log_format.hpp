// How the lines of the log are written: the word in [log] format.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

enum class log_format : std::uint8_t {
  text,  // for people: time, level, what there is to say
  json,  // for machines: one object a line
};

inline constexpr std::array<std::string_view, 2> log_format_names{"text", "json"};

}  // namespace presenter::gateway
