// Frames of a link: structs ⇄ bytes, by hand, byte-identical to what Thrift generates from
// mux.thrift (TCompactProtocol inside a 4-byte length). Knows nothing of streams, windows or
// sockets. See: protocol/README.md §3 and §4.
#pragma once

#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/byte_buffer.hpp"
#include "protocol/errc.hpp"
#include "protocol/limits.hpp"
#include "protocol/stream_facts.hpp"

namespace presenter::protocol {

// Bits of hello_frame::features, README §4.1.
namespace features {
inline constexpr std::int64_t early_data = 1;  // a backend takes streams of early data
inline constexpr std::int64_t handoff = 2;  // streams are given up and taken over, §4.11, §4.12
inline constexpr std::int64_t notice = 4;   // a backend hears Notices, §4.13
}  // namespace features

enum class link_role : std::int32_t { gateway = 1, backend = 2 };

// §4.1 First frame of each side; what it announces binds the other side.
struct hello_frame {
  std::int32_t version_min = limits::version;
  std::int32_t version_max = limits::version;
  link_role role = link_role::gateway;
  std::string node;            // ≤ limits::node_bytes_max
  std::int64_t map_epoch = 0;  // 0: none yet
  std::int32_t frame_bytes_max = static_cast<std::int32_t>(limits::frame_bytes_max);
  std::int32_t stream_window_bytes = limits::stream_window_bytes_default;
  std::int64_t link_window_bytes = limits::link_window_bytes_default;
  std::int32_t streams_open_max = limits::streams_open_max_default;
  std::int32_t ping_interval_ms = static_cast<std::int32_t>(limits::ping_interval_default.count());
  std::int64_t features = 0;  // bit set, README §4.1
  std::int32_t streams_opening_max = limits::streams_opening_max_default;
  std::int32_t deposit_bytes_max = limits::deposit_bytes_max_default;  // 0: no deposits
  bool operator==(const hello_frame&) const = default;
};

struct accept_frame {  // §4.3
  stream_id stream;
  bool operator==(const accept_frame&) const = default;
};

struct refuse_frame {  // §4.4
  stream_id stream;
  refuse_reason reason = refuse_reason::denied;
  std::optional<std::int64_t> map_epoch;       // with not_owner
  std::optional<std::int32_t> retry_after_ms;  // with busy
  bool operator==(const refuse_frame&) const = default;
};

struct data_frame {  // §4.5
  stream_id stream;
  bool more = false;                   // more of this message follows
  std::span<const std::byte> payload;  // a view into the bytes decoded; 1 … data_bytes_max
};

struct finish_frame {  // §4.6
  stream_id stream;
  bool operator==(const finish_frame&) const = default;
};

struct reset_frame {  // §4.7
  stream_id stream;
  reset_reason reason = reset_reason::cancelled;
  bool operator==(const reset_frame&) const = default;
};

struct credit_frame {  // §4.8; stream 0: the link
  stream_id stream;
  std::int64_t bytes = 0;
  bool operator==(const credit_frame&) const = default;
};

struct ping_frame {  // §4.9
  std::int64_t opaque = 0;
  bool operator==(const ping_frame&) const = default;
};

struct pong_frame {
  std::int64_t opaque = 0;
  bool operator==(const pong_frame&) const = default;
};

struct go_away_frame {           // §4.10
  stream_id last_stream;         // streams above it were not and will not be served
  std::int32_t reason = 0;       // 0: planned; otherwise the errc that ends the link
  std::int32_t deadline_ms = 0;  // 0: none
  bool operator==(const go_away_frame&) const = default;
};

struct handoff_frame {  // §4.11
  stream_id stream;
  handoff_reason reason = handoff_reason::rebalanced;
  std::int64_t map_epoch = 0;    // the map by which another backend owns the key
  std::int32_t deadline_ms = 1;  // the gateway resets the stream if no answer has come by then
  bool operator==(const handoff_frame&) const = default;
};

// §4.12. Positions count from the client's first byte, over all its streams.
struct checkpoint_frame {
  stream_id stream;
  std::int64_t consumed = 0;  // bytes of the client that the application has taken
  std::int64_t produced = 0;  // bytes for the client that it has sent
  // Views: into what was decoded, or to what the caller keeps. Together ≤ limits::data_bytes_max.
  std::string_view state;   // of the application
  std::string_view unread;  // received and not taken by the application
  bool last = false;        // the backend gives the stream up: it is over both ways
  bool finished = false;    // the backend's direction has had its Finish
  bool operator==(const checkpoint_frame&) const = default;
};

struct notice_frame {  // §4.13
  stream_id stream;
  notice_reason reason = notice_reason::gateway_draining;
  std::int32_t within_ms = 1;  // the gateway closes the client within so long
  bool operator==(const notice_frame&) const = default;
};

using control_frame = std::variant<hello_frame, open_frame, accept_frame, refuse_frame,
                                   finish_frame, reset_frame, credit_frame, ping_frame, pong_frame,
                                   go_away_frame, handoff_frame, checkpoint_frame, notice_frame>;

// One frame found at the front of a run of bytes.
struct frame_slice {
  std::size_t size = 0;             // with the length field; 0: more bytes are needed
  std::span<const std::byte> body;  // the Thrift struct
};

// Finds the first frame. Checks the length field against `limits::frame_bytes_max` as soon as its
// four bytes are there, and a control frame's against its own limit as soon as its first byte is.
// Errors: frame_empty, frame_oversize.
boost::system::result<frame_slice> slice_frame(std::span<const std::byte> input);

// True if the body is that of a Data frame, which is the hot path: decode_data, else
// decode_control.
inline bool is_data(std::span<const std::byte> body) {
  return !body.empty() && body.front() == std::byte{0x5c};
}

// Accepts exactly what a Thrift decoder accepts, unknown fields skipped. The payload is a view into
// `body`. Errors: frame_malformed, field_invalid (stream < 1, payload above the limit), never
// data_empty: an empty payload is a stream's error, for the caller to find.
// `field` is the one to blame, "Data.stream", a literal; with frame_malformed it is missing. Empty:
// none in particular. Unchanged after what it accepts.
boost::system::result<data_frame> decode_data(std::span<const std::byte> body,
                                              std::string_view& field);

// A Checkpoint's state and unread bytes are views into `body`.
// Errors: frame_malformed, frame_unknown, field_invalid. `field` as above.
boost::system::result<control_frame> decode_control(std::span<const std::byte> body,
                                                    std::string_view& field);

inline boost::system::result<data_frame> decode_data(std::span<const std::byte> body) {
  std::string_view field;
  return decode_data(body, field);
}
inline boost::system::result<control_frame> decode_control(std::span<const std::byte> body) {
  std::string_view field;
  return decode_control(body, field);
}

// Appends the frame with its length field. The caller has checked the limits.
void encode(const control_frame& frame, byte_buffer& out);

// Appends the frame, copying the payload once.
void encode_data(stream_id stream, bool more, std::span<const std::byte> payload, byte_buffer& out);

// Largest number of bytes that encode_data adds around a payload.
inline constexpr std::size_t data_overhead_max = 4 + 1 + 11 + 1 + 1 + 3 + 2;

}  // namespace presenter::protocol
