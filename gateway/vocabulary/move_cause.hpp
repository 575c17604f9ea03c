// Why a client has to leave its backend.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

enum class move_cause : std::uint8_t {
  link_lost,      // its link broke
  backend_ended,  // the backend ended the stream because it ends itself
  drained,        // the backend drains
  left,           // the backend is not in the map any more
  rebalanced,     // the key has another owner
};

inline constexpr std::array<std::string_view, 5> move_cause_names{"link_lost", "backend_ended",
                                                                  "drained", "left", "rebalanced"};

constexpr std::string_view name_of(move_cause value) noexcept {
  return move_cause_names[static_cast<std::size_t>(value)];
}

}  // namespace presenter::gateway
