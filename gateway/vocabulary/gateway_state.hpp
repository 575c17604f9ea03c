// Where a gateway is in its life, as the fleet and its operators see it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace presenter::gateway {

enum class gateway_state : std::uint8_t {
  up,        // clients are sent here
  draining,  // no client is sent here any more; those that come are served
  drained,   // nobody is left, and nobody came for long enough: it may end
  unready,   // it could not serve a client: it has just started, or lacks its map or its links
};

inline constexpr std::array<std::string_view, 4> gateway_state_names{"up", "draining", "drained",
                                                                     "unready"};

constexpr std::string_view name_of(gateway_state value) noexcept {
  return gateway_state_names[static_cast<std::size_t>(value)];
}

// Nothing if `name` is none of `gateway_state_names`.
constexpr std::optional<gateway_state> gateway_state_of(std::string_view name) noexcept {
  for (std::size_t i = 0; i < gateway_state_names.size(); ++i)
    if (gateway_state_names[i] == name) return static_cast<gateway_state>(i);
  return std::nullopt;
}

}  // namespace presenter::gateway
