// What becomes of a client's handshake, of its ticket and of its early data.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

enum class handshake_kind : std::uint8_t {
  full,
  resumed,
  failed,
};

inline constexpr std::array<std::string_view, 3> handshake_kind_names{"full", "resumed", "failed"};

constexpr std::string_view name_of(handshake_kind value) noexcept {
  return handshake_kind_names[static_cast<std::size_t>(value)];
}

// Clients that were given up before OpenSSL had anything to do with them.
enum class spared_handshake : std::uint8_t {
  client_gone,
  timeout,
};

inline constexpr std::array<std::string_view, 2> spared_handshake_names{"client_gone", "timeout"};

constexpr std::string_view name_of(spared_handshake value) noexcept {
  return spared_handshake_names[static_cast<std::size_t>(value)];
}

// What a ticket was to us: made, or shown by a client and opened, or not.
enum class ticket_event : std::uint8_t {
  issued,
  current_key,
  old_key,
  unknown_key,
};

inline constexpr std::array<std::string_view, 4> ticket_event_names{"issued", "current_key",
                                                                    "old_key", "unknown_key"};

constexpr std::string_view name_of(ticket_event value) noexcept {
  return ticket_event_names[static_cast<std::size_t>(value)];
}

// What became of a client's early data.
enum class early_data_result : std::uint8_t {
  forwarded,   // to its backend before the handshake had ended
  held,        // and given to its backend afterwards
  replayed,    // refused: it was seen before
  unrecorded,  // refused: whether it was seen before cannot be told
  rejected,    // by TLS itself
};

inline constexpr std::array<std::string_view, 5> early_data_result_names{
    "forwarded", "held", "replayed", "unrecorded", "rejected"};

constexpr std::string_view name_of(early_data_result value) noexcept {
  return early_data_result_names[static_cast<std::size_t>(value)];
}

}  // namespace presenter::gateway
