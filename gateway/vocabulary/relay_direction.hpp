// The two ways of a client's bytes.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

enum class relay_direction : std::uint8_t {
  to_backend,
  to_client,
};

inline constexpr std::array<std::string_view, 2> relay_direction_names{"to_backend", "to_client"};

constexpr std::string_view name_of(relay_direction value) noexcept {
  return relay_direction_names[static_cast<std::size_t>(value)];
}

}  // namespace presenter::gateway
