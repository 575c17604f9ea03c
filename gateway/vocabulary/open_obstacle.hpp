// What an attempt to open a stream may meet, and be made again.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

enum class open_obstacle : std::uint8_t {
  link_lost,
  no_link,
  not_owner,
  busy,
  shutting_down,
};

inline constexpr std::array<std::string_view, 5> open_obstacle_names{
    "link_lost", "no_link", "not_owner", "busy", "shutting_down"};

constexpr std::string_view name_of(open_obstacle value) noexcept {
  return open_obstacle_names[static_cast<std::size_t>(value)];
}

}  // namespace presenter::gateway
