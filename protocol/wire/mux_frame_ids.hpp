// Ids of the union `Frame` and the bytes around it. Internal to protocol/wire.
#pragma once

#include <cstddef>
#include <cstdint>

#include "protocol/wire/thrift_compact.hpp"

namespace presenter::protocol {

inline constexpr std::size_t length_bytes = 4;  // protocol/README.md §3

// protocol/README.md §4
enum frame_id : std::int16_t {
  hello_id = 1,
  open_id = 2,
  accept_id = 3,
  refuse_id = 4,
  data_id = 5,
  finish_id = 6,
  reset_id = 7,
  credit_id = 8,
  ping_id = 9,
  pong_id = 10,
  go_away_id = 11,
  handoff_id = 12,
  checkpoint_id = 13,
  multicast_id = 14,  // reserved
  notice_id = 15,
};

// The first byte of a frame's body: a union holds one field, and its id fits the short form.
constexpr std::byte union_header(std::int16_t id) {
  return static_cast<std::byte>(id << 4 | static_cast<int>(compact::kind::structure));
}

}  // namespace presenter::protocol
