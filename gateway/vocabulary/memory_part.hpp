// What memory is for.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace presenter::gateway {

enum class memory_part : std::uint8_t {
  sessions,
  records,  // the TLS state within the sessions, which do not count it
  streams,
  openings,  // what the Opens of streams said that can be handed over
  deposits,  // what backends have left for the day they crash
  buffers,
};

inline constexpr std::array<std::string_view, 6> memory_part_names{
    "sessions", "records", "streams", "openings", "deposits", "buffers"};

constexpr std::string_view name_of(memory_part value) noexcept {
  return memory_part_names[static_cast<std::size_t>(value)];
}

}  // namespace presenter::gateway
