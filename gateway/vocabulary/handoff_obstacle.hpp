// Why a move of a client closes it, although others are handed over.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

enum class handoff_obstacle : std::uint8_t {
  none,            // it would be handed over
  switched_off,    // moves.handoffs_per_second is 0
  backend_cannot,  // the backend that has its stream gives none up
  owner_cannot,    // the one that it would go to takes none over
};

inline constexpr std::array<std::string_view, 4> handoff_obstacle_names{
    "none", "switched_off", "backend_cannot", "owner_cannot"};

constexpr std::string_view name_of(handoff_obstacle value) noexcept {
  return handoff_obstacle_names[static_cast<std::size_t>(value)];
}

}  // namespace presenter::gateway
