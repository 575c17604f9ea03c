// How far a gateway has come in being taken out. To the fleet (gateway_state) the first two steps
// are one: no client is to be sent here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

enum class drain_state : std::uint8_t {
  up,
  withdrawing,  // its record is still in DNS
  draining,     // the record is gone; clients are here, or may still come by caches
  drained,      // it ends, as soon as the hooks have
};

inline constexpr std::array<std::string_view, 4> drain_state_names{"up", "withdrawing", "draining",
                                                                   "drained"};

constexpr std::string_view name_of(drain_state state) noexcept {
  return drain_state_names[static_cast<std::size_t>(state)];
}

}  // namespace presenter::gateway
