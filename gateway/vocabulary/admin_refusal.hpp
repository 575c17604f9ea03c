// Why the admin endpoint did not do what somebody wanted: what its counter tells apart.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

enum class admin_refusal : std::uint8_t {
  token,     // missing, or wrong
  order,     // by a program on another machine, or by a page in a browser
  request,   // it cannot be read, or is too large
  slow,      // it did not arrive whole in its time, or the answer was not taken
  sessions,  // too many at once
};

inline constexpr std::array<std::string_view, 5> admin_refusal_names{"token", "order", "request",
                                                                     "slow", "sessions"};

}  // namespace presenter::gateway
