// Where a client is on its way through the gateway.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

enum class client_phase : std::uint8_t {
  handshake,
  first_packet,
  opening,  // its stream is being opened
  relaying,
  handing_over,  // its backend has been asked to give its stream up, or has, or may have crashed
  stranded,      // its stream was lost with its link; it is closed when its turn comes
  closing,
};

inline constexpr std::array<std::string_view, 7> client_phase_names{
    "handshake", "first_packet", "opening", "relaying", "handing_over", "stranded", "closing"};

constexpr std::string_view name_of(client_phase value) noexcept {
  return client_phase_names[static_cast<std::size_t>(value)];
}

}  // namespace presenter::gateway
