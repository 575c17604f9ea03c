// What is counted of links.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

// What came of a TCP connection to one address of a backend.
enum class address_result : std::uint8_t {
  connected,
  failed,
  timed_out,
  superseded,  // another address of its name was faster
};

inline constexpr std::array<std::string_view, 4> address_result_names{"connected", "failed",
                                                                      "timed_out", "superseded"};

constexpr std::string_view name_of(address_result value) noexcept {
  return address_result_names[static_cast<std::size_t>(value)];
}

enum class link_direction : std::uint8_t {
  sent,
  received,
};

inline constexpr std::array<std::string_view, 2> link_direction_names{"sent", "received"};

constexpr std::string_view name_of(link_direction value) noexcept {
  return link_direction_names[static_cast<std::size_t>(value)];
}

}  // namespace presenter::gateway
