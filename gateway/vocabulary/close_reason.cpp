#include "gateway/vocabulary/close_reason.hpp"

namespace presenter::gateway {
namespace {

using answer_type = protocol::thrift_exception_type;
constexpr auto silent = std::nullopt;

constexpr std::array<std::string_view, 5> fault_names{"none", "client", "backend", "coordination",
                                                      "gateway"};

}  // namespace

// What one careless or hostile client can cause as often as it likes is logged at debug: its
// counter is the alarm. What a backend, the coordination or the gateway causes is a warning or an
// error; but for overload, which crowd_watch adds up.
constexpr std::array<close_row, close_reason_count> close_table{{
    {close_reason::handshake_failed, "handshake_failed", fault::client, log_level::debug,
     "the TLS handshake failed or the client left during it", silent},
    {close_reason::handshake_timeout, "handshake_timeout", fault::client, log_level::debug,
     "the TLS handshake took too long", silent},
    {close_reason::overloaded, "overloaded", fault::gateway, log_level::debug,
     "what the client had sent of its handshake or first packet waited for its turn for too long",
     silent},

    {close_reason::packet_timeout, "packet_timeout", fault::client, log_level::debug,
     "no whole first packet in time", silent},
    {close_reason::packet_truncated, "packet_truncated", fault::client, log_level::debug,
     "the client closed, or half-closed, before its first packet was whole", silent},
    {close_reason::packet_oversize, "packet_oversize", fault::client, log_level::debug,
     "the first packet announces more bytes than allowed", silent},
    {close_reason::packet_not_thrift, "packet_not_thrift", fault::client, log_level::debug,
     "the first packet is neither strict binary nor compact Thrift", silent},
    {close_reason::packet_malformed, "packet_malformed", fault::client, log_level::debug,
     "the first packet is broken Thrift",
     close_answer{answer_type::protocol_error, "packet_malformed: the message cannot be read"}},
    {close_reason::packet_not_call, "packet_not_call", fault::client, log_level::debug,
     "the first packet is not a call",
     close_answer{answer_type::invalid_message_type,
                  "packet_not_call: the first message must be a call"}},
    {close_reason::packet_method, "packet_method", fault::client, log_level::debug,
     "the first packet calls another method",
     close_answer{answer_type::unknown_method,
                  "packet_method: the first call must be the authentication"}},
    {close_reason::packet_key_missing, "packet_key_missing", fault::client, log_level::debug,
     "the first packet has no routing key",
     close_answer{answer_type::protocol_error, "packet_key_missing: no routing key in the call"}},
    {close_reason::packet_key_type, "packet_key_type", fault::client, log_level::debug,
     "the routing key is not a string, binary or integer",
     close_answer{answer_type::protocol_error,
                  "packet_key_type: the routing key must be a string, binary or integer"}},
    {close_reason::packet_key_size, "packet_key_size", fault::client, log_level::debug,
     "the routing key is empty or too long",
     close_answer{answer_type::protocol_error,
                  "packet_key_size: the routing key is empty or too long"}},

    {close_reason::no_shard, "no_shard", fault::coordination, log_level::error,
     "the shard map names no backend",
     close_answer{answer_type::internal_error, "no_shard: no chat server is known"}},
    {close_reason::backend_unreachable, "backend_unreachable", fault::backend, log_level::warning,
     "no link to the backend came up in time",
     close_answer{answer_type::internal_error,
                  "backend_unreachable: the chat server cannot be reached"}},
    {close_reason::backend_full, "backend_full", fault::backend, log_level::warning,
     "the backend's links had no room for another stream in time",
     close_answer{answer_type::internal_error, "backend_full: the chat server takes no more"}},
    {close_reason::openings_exceeded, "openings_exceeded", fault::backend, log_level::warning,
     "too many clients wait for their backends already",
     close_answer{answer_type::internal_error,
                  "openings_exceeded: too many wait for their chat servers"}},
    {close_reason::open_timeout, "open_timeout", fault::backend, log_level::warning,
     "the backend did not accept the stream in time",
     close_answer{answer_type::internal_error, "open_timeout: the chat server did not answer"}},
    {close_reason::refused_not_owner, "refused_not_owner", fault::coordination, log_level::warning,
     "gateway and backend still disagree about the shard's owner",
     close_answer{answer_type::internal_error,
                  "refused_not_owner: the chat server is not the owner"}},
    {close_reason::refused_busy, "refused_busy", fault::backend, log_level::warning,
     "the backend takes no more streams",
     close_answer{answer_type::internal_error, "refused_busy: the chat server is busy"}},
    {close_reason::refused_denied, "refused_denied", fault::backend, log_level::info,
     "the backend does not want this client",
     close_answer{answer_type::internal_error, "refused_denied: the chat server refused"}},

    {close_reason::client_finished, "client_finished", fault::none, log_level::debug,
     "the client finished first, then the backend", silent},
    {close_reason::backend_finished, "backend_finished", fault::none, log_level::debug,
     "the backend finished first, then the client", silent},
    {close_reason::tls_truncated, "tls_truncated", fault::client, log_level::debug,
     "the client's TCP ended without TLS close_notify", silent},
    {close_reason::tls_protocol_error, "tls_protocol_error", fault::client, log_level::debug,
     "a TLS record was broken, or the client sent a fatal alert", silent},
    {close_reason::client_reset, "client_reset", fault::client, log_level::debug,
     "the client's TCP was reset", silent},
    {close_reason::client_timeout, "client_timeout", fault::client, log_level::debug,
     "the client's TCP no longer answers", silent},
    {close_reason::client_idle, "client_idle", fault::none, log_level::debug,
     "neither the client nor the backend sent a byte for the idle timeout", silent},
    {close_reason::client_stalled, "client_stalled", fault::client, log_level::debug,
     "the client did not read for the stall timeout", silent},
    {close_reason::backend_stalled, "backend_stalled", fault::backend, log_level::warning,
     "the backend did not read the stream for the stall timeout", silent},
    {close_reason::half_close_timeout, "half_close_timeout", fault::client, log_level::debug,
     "one side finished and the other neither sent nor finished", silent},
    {close_reason::stream_reset_by_backend, "stream_reset_by_backend", fault::backend,
     log_level::info, "the backend reset the stream", silent},
    {close_reason::backend_violation, "backend_violation", fault::backend, log_level::warning,
     "the backend broke a rule of the stream, and the gateway reset it", silent},
    {close_reason::stream_moved, "stream_moved", fault::none, log_level::debug,
     "the shard has a new owner", silent},
    {close_reason::backend_shutting_down, "backend_shutting_down", fault::none, log_level::debug,
     "the backend is ending",
     close_answer{answer_type::internal_error,
                  "backend_shutting_down: the chat server is shutting down"}},
    {close_reason::link_lost, "link_lost", fault::backend, log_level::info,
     "the link under the stream broke", silent},

    {close_reason::gateway_draining, "gateway_draining", fault::none, log_level::debug,
     "the gateway is being taken out, and its deadline comes near", silent},
    {close_reason::rebalanced_away, "rebalanced_away", fault::none, log_level::debug,
     "the gateway had more clients than others, and this one was idle for long", silent},
    {close_reason::closed_by_operator, "closed_by_operator", fault::none, log_level::info,
     "an operator had this client closed", silent},
    {close_reason::upgraded, "upgraded", fault::none, log_level::info,
     "another process has taken the gateway's place, and could not take this client over", silent},
    {close_reason::shutting_down, "shutting_down", fault::none, log_level::debug,
     "the gateway is ending",
     close_answer{answer_type::internal_error, "shutting_down: the gateway is shutting down"}},
    {close_reason::internal, "internal", fault::gateway, log_level::error,
     "a fault of the gateway's own", silent},
}};

std::string_view name_of(fault blame) noexcept {
  return fault_names[static_cast<std::size_t>(blame)];
}

const close_row& row_of(close_reason reason) noexcept {
  return close_table[static_cast<std::size_t>(reason)];
}

std::string_view name_of(close_reason reason) noexcept {
  return row_of(reason).name;
}

close_reason close_reason_of(protocol::errc code) noexcept {
  switch (code) {
    case protocol::errc::packet_not_thrift:
      return close_reason::packet_not_thrift;
    case protocol::errc::packet_malformed:
      return close_reason::packet_malformed;
    case protocol::errc::packet_not_call:
      return close_reason::packet_not_call;
    case protocol::errc::packet_method:
      return close_reason::packet_method;
    case protocol::errc::packet_key_missing:
      return close_reason::packet_key_missing;
    case protocol::errc::packet_key_type:
      return close_reason::packet_key_type;
    case protocol::errc::packet_key_size:
      return close_reason::packet_key_size;
    default:
      return close_reason::internal;
  }
}

close_reason close_reason_of(protocol::refuse_reason reason) noexcept {
  switch (reason) {
    case protocol::refuse_reason::not_owner:
      return close_reason::refused_not_owner;
    case protocol::refuse_reason::busy:
      return close_reason::refused_busy;
    case protocol::refuse_reason::denied:
      return close_reason::refused_denied;
    case protocol::refuse_reason::shutting_down:
      return close_reason::backend_shutting_down;
  }
  return close_reason::refused_denied;  // a number of a newer protocol
}

close_reason close_reason_of(protocol::reset_reason reason) noexcept {
  switch (reason) {
    case protocol::reset_reason::moved:
      return close_reason::stream_moved;
    case protocol::reset_reason::stalled:
      return close_reason::client_stalled;
    case protocol::reset_reason::shutting_down:
      return close_reason::backend_shutting_down;
    default:
      return close_reason::stream_reset_by_backend;
  }
}

}  // namespace presenter::gateway
