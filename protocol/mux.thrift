// The multiplexing protocol between gateway and backend; protocol/README.md is its specification.
// On a link every frame is a 4-byte big-endian length and then one `Frame` in TCompactProtocol, so
// any language with Thrift speaks it from this file alone: TFramedTransport and TCompactProtocol.

namespace cpp presenter.protocol.idl
namespace py presenter_mux
namespace java io.presenter.mux

enum Role {
  GATEWAY = 1
  BACKEND = 2
}

// First frame of each side. What is announced here binds the other side. README §4.1.
struct Hello {
  1: i32 version_min
  2: i32 version_max
  3: Role role
  4: string node
  5: i64 map_epoch
  6: i32 frame_bytes_max
  7: i32 stream_window_bytes
  8: i64 link_window_bytes
  9: i32 streams_open_max
  10: i32 ping_interval_ms
  11: i64 features
  12: i32 streams_opening_max
  13: optional i32 deposit_bytes_max
}

struct TlsFacts {
  1: string version
  2: string suite
  3: string server_name
  4: string alpn
  5: bool resumed
  6: optional string client_subject
}

enum HandoffReason {
  REBALANCED = 1
  DRAINING = 2
}

enum ContinueCause {
  REBALANCED = 1
  DRAINING = 2
  CRASH = 3
}

// README §4.2; `cause` is a ContinueCause, `node` the backend that had the stream before.
struct Continued {
  1: i32 cause
  2: string node
}

// README §4.2
struct Open {
  1: i64 stream
  2: binary key
  3: i64 map_epoch
  4: string client_address
  5: i32 client_port
  6: TlsFacts tls
  7: string tag
  8: optional bool early_data
  9: optional Continued continued
}

// README §4.3
struct Accept {
  1: i64 stream
}

enum RefuseReason {
  NOT_OWNER = 1
  BUSY = 2
  DENIED = 3
  SHUTTING_DOWN = 4
}

// README §4.4
struct Refuse {
  1: i64 stream
  2: RefuseReason reason
  3: optional i64 map_epoch
  4: optional i32 retry_after_ms
}

// README §4.5. `payload` is last, so that a sender can place it without copying it first.
struct Data {
  1: i64 stream
  2: optional bool more
  3: binary payload
}

// README §4.6
struct Finish {
  1: i64 stream
}

// README §4.7; `reason` is a number of the table in README §8.
struct Reset {
  1: i64 stream
  2: i32 reason
}

// README §4.8; stream 0 is the link.
struct Credit {
  1: i64 stream
  2: i64 bytes
}

// README §4.9
struct Ping {
  1: i64 opaque
}

struct Pong {
  1: i64 opaque
}

// README §4.10
struct GoAway {
  1: i64 last_stream
  2: i32 reason
  3: i32 deadline_ms
}

// README §4.11; `reason` is a HandoffReason.
struct Handoff {
  1: i64 stream
  2: i32 reason
  3: i64 map_epoch
  4: i32 deadline_ms
}

// README §4.12
struct Checkpoint {
  1: i64 stream
  2: i64 consumed
  3: i64 produced
  4: binary state
  5: binary unread
  6: optional bool last
  7: optional bool finished
}

enum NoticeReason {
  GATEWAY_DRAINING = 1
  SHEDDING = 2
}

// README §4.13; `reason` is a NoticeReason.
struct Notice {
  1: i64 stream
  2: i32 reason
  3: i32 within_ms
}

// Exactly one field is set. Id 14 (Multicast) is reserved, README §4.14: a receiver that does not
// know an id closes the link with `frame_unknown`.
union Frame {
  1: Hello hello
  2: Open open
  3: Accept accept
  4: Refuse refuse
  5: Data data
  6: Finish finish
  7: Reset reset
  8: Credit credit
  9: Ping ping
  10: Pong pong
  11: GoAway go_away
  12: Handoff handoff
  13: Checkpoint checkpoint
  15: Notice notice
}
