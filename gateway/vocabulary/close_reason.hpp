// Why a client's session ended: the one table. Every session ends with exactly one reason; the
// table says whose fault that is, how loudly it is logged, and whether the client is told in
// Thrift. Counted as presenter_closes_total{reason="<name>"}. To add a reason: the enumerator, its
// row.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "gateway/vocabulary/log_level.hpp"
#include "protocol/errc.hpp"
#include "protocol/wire/mux_frame.hpp"
#include "protocol/wire/thrift_path.hpp"

namespace presenter::gateway {

enum class fault : std::uint8_t { none, client, backend, coordination, gateway };

std::string_view name_of(fault) noexcept;

// In the order in which a session meets them.
enum class close_reason : std::uint8_t {
  // Before and during the handshake.
  handshake_failed,
  handshake_timeout,
  overloaded,

  // First packet.
  packet_timeout,
  packet_truncated,
  packet_oversize,
  packet_not_thrift,
  packet_malformed,
  packet_not_call,
  packet_method,
  packet_key_missing,
  packet_key_type,
  packet_key_size,

  // Opening the stream.
  no_shard,
  backend_unreachable,
  backend_full,
  openings_exceeded,
  open_timeout,
  refused_not_owner,
  refused_busy,
  refused_denied,

  // Relaying.
  client_finished,
  backend_finished,
  tls_truncated,
  tls_protocol_error,
  client_reset,
  client_timeout,
  client_idle,
  client_stalled,
  backend_stalled,
  half_close_timeout,
  stream_reset_by_backend,
  backend_violation,
  stream_moved,
  backend_shutting_down,
  link_lost,

  // The gateway itself.
  gateway_draining,
  rebalanced_away,
  closed_by_operator,
  upgraded,
  shutting_down,
  internal,
};

inline constexpr std::size_t close_reason_count =
    static_cast<std::size_t>(close_reason::internal) + 1;

// What a client is answered before its session is closed: a TApplicationException of its own
// encoding, method and sequence. Only possible once the packet's envelope could be read.
struct close_answer {
  protocol::thrift_exception_type type;
  std::string_view text;
};

struct close_row {
  close_reason reason;
  std::string_view name;  // snake_case, for logs and metrics; also the enumerator's own name
  fault blame;
  log_level level;
  std::string_view meaning;            // one clause, for logs and documentation
  std::optional<close_answer> answer;  // nothing: the client is closed without a word
};

// One row per enumerator, in their order.
extern const std::array<close_row, close_reason_count> close_table;

const close_row& row_of(close_reason) noexcept;
std::string_view name_of(close_reason) noexcept;

// What a first packet was refused for. Every code that is not one of errc::packet_… is `internal`.
close_reason close_reason_of(protocol::errc) noexcept;

// What a backend's Refuse comes to once the gateway has nothing left to try. (After shutting_down
// it tries again: the next shard map names another owner.)
close_reason close_reason_of(protocol::refuse_reason) noexcept;

// What a backend's Reset comes to. (One by mux_core, for a rule that the backend broke, is
// backend_violation.)
close_reason close_reason_of(protocol::reset_reason) noexcept;

}  // namespace presenter::gateway
