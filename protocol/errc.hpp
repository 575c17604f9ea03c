// What can go wrong on a link or in a client's first packet, as boost error codes.
// Each enumerator says: cause · blame · what it closes. What ends one stream only is a
// reset_reason: it travels in a Reset, and the link goes on.
#pragma once

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <string_view>

#include "base/export.hpp"

namespace presenter::protocol {

// The numbers travel as the reason of GoAway: none is ever given a new meaning.
enum class errc {
  // Framing: the bytes cannot be followed any further · peer · link.
  frame_empty = 1,  // length field of 0
  frame_oversize,   // length field above the limit of its frame type
  frame_malformed,  // not the Thrift compact encoding of a Frame, or a required field is missing
  frame_unknown,    // union field that this version does not know
  field_invalid,    // a field's value is outside its range

  // Hello: no agreement · peer · link.
  hello_expected,  // the first frame is something else
  hello_repeated,  // a second Hello
  hello_version,   // version ranges do not meet
  hello_role,      // both ends claim the same role

  // Order and direction of frames · peer · link.
  wrong_direction,         // Open, Handoff, Notice from a backend; Accept, Refuse from a gateway
  stream_not_increasing,   // Open whose id is not above all earlier ones
  stream_never_opened,     // frame for an id above the highest opened
  link_window_exceeded,    // more payload in flight than the link's window
  link_credit_overflow,    // link window granted above its maximum
  link_credit_too_small,   // link window granted in crumbs, below link_credit_bytes_min
  control_queue_full,      // peer causes answers faster than it reads them
  streams_exceeded,        // Open above the announced streams_open_max or streams_opening_max
  stream_errors_exceeded,  // more stream errors than a peer may cause
  pong_unexpected,         // Pong that answers no Ping of ours
  link_timeout,            // nothing received for dead_after
  hello_timeout,           // no Hello in time
  go_away,                 // peer closed the link after GoAway
  link_stalled,            // bytes wait and the peer grants the link nothing
  wrong_backend,           // Hello with a name that is not the one the map has for this address

  // A client's first packet · client · that client.
  packet_not_thrift,   // neither strict binary nor compact
  packet_malformed,    // Thrift that ends early, nests too deep or lies about a size
  packet_not_call,     // a message, but not a CALL
  packet_method,       // a CALL of another method
  packet_key_missing,  // no field at the key path
  packet_key_type,     // the field is not a string, binary or integer
  packet_key_size,     // an empty key, or one above key_bytes_max
};

// Those up to here end a link, and are its GoAway's reasons.
inline constexpr errc link_error_last = errc::wrong_backend;

PRESENTER_EXPORT const boost::system::error_category& error_category() noexcept;
PRESENTER_EXPORT boost::system::error_code make_error_code(errc) noexcept;

// The way back, for an error that is known to be of error_category().
inline errc errc_of(const boost::system::error_code& error) noexcept {
  return static_cast<errc>(error.value());
}

// The enumerator's own name: metrics labels and logs.
PRESENTER_EXPORT std::string_view name_of(errc) noexcept;

// Why a stream was reset; the number in a Reset frame. protocol/README.md §8.
// An unknown number from a newer peer is kept as it is and reported as `cancelled`.
enum class reset_reason : std::int32_t {
  acknowledged = 1,        // answer to a Reset: this side is done as well
  cancelled = 2,           // the application let go of the stream
  client_gone = 3,         // the client's TCP or TLS ended without a clean close · client
  stalled = 4,             // no progress for stall_timeout · client, or backend that does not read
  moved = 5,               // the shard has a new owner
  shutting_down = 6,       // the process is ending
  window_exceeded = 7,     // more payload than the stream's window · peer
  credit_overflow = 8,     // stream window granted above its maximum · peer
  bad_state = 9,           // frame not allowed in the stream's state, like a second Accept · peer
  data_empty = 10,         // Data without payload · peer
  internal = 11,           // our own fault
  credit_too_small = 12,   // granted in crumbs, below stream_credit_bytes_min · peer
  state_too_large = 13,    // a deposit above what the gateway takes · backend
  position_mismatch = 14,  // a Checkpoint that does not say what the stream carried · backend
};

PRESENTER_EXPORT std::string_view name_of(reset_reason) noexcept;

}  // namespace presenter::protocol

template <>
struct boost::system::is_error_code_enum<presenter::protocol::errc> : std::true_type {};
