// Why clients are not let in.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

// Why a client was closed at once after accept, before any of it was read.
enum class refusal : std::uint8_t {
  address_unauthenticated,
  address_rate,
};

inline constexpr std::array<std::string_view, 2> refusal_names{"address_unauthenticated",
                                                               "address_rate"};

constexpr std::string_view name_of(refusal value) noexcept {
  return refusal_names[static_cast<std::size_t>(value)];
}

// Why a worker leaves clients in the kernel's queue.
enum class accept_pause : std::uint8_t {
  clients_max,
  descriptors,
};

inline constexpr std::array<std::string_view, 2> accept_pause_names{"clients_max", "descriptors"};

constexpr std::string_view name_of(accept_pause value) noexcept {
  return accept_pause_names[static_cast<std::size_t>(value)];
}

}  // namespace presenter::gateway
