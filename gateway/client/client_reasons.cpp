#include "gateway/client/client_reasons.hpp"

#include <sys/socket.h>

#include <cerrno>

namespace presenter::gateway {

client_io client_io_of(tls_status status) {
  switch (status) {
    case tls_status::ok:
      return client_io::ok;
    case tls_status::want_read:
    case tls_status::want_write:
      return client_io::blocked;
    case tls_status::again:
      return client_io::again;
    case tls_status::finished:
      return client_io::finished;
    case tls_status::truncated:
      return client_io::truncated;
    case tls_status::reset:
      return client_io::reset;
    case tls_status::violation:
      return client_io::violation;
  }
  return client_io::reset;
}

close_reason reason_before_packet(tls_status status) {
  switch (status) {
    case tls_status::reset:
      return close_reason::client_reset;
    case tls_status::violation:
      return close_reason::tls_protocol_error;
    default:
      return close_reason::packet_truncated;
  }
}

close_reason reason_of_socket(int descriptor) {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == ETIMEDOUT ? close_reason::client_timeout : close_reason::client_reset;
}

handoff_result result_of(close_reason reason, std::string_view cause) {
  if (cause == name_of(protocol::reset_reason::position_mismatch))
    return handoff_result::position_mismatch;
  if (cause == name_of(protocol::reset_reason::state_too_large))
    return handoff_result::state_too_large;
  switch (reason) {
    case close_reason::stream_moved:
    case close_reason::backend_shutting_down:
      return handoff_result::declined;
    case close_reason::link_lost:
      return handoff_result::link_lost;
    case close_reason::shutting_down:
    case close_reason::gateway_draining:
    case close_reason::upgraded:
    case close_reason::closed_by_operator:
      return handoff_result::shutting_down;
    case close_reason::no_shard:
      return handoff_result::no_owner;
    case close_reason::refused_denied:
      return handoff_result::refused;
    case close_reason::backend_unreachable:
    case close_reason::backend_full:
    case close_reason::openings_exceeded:
    case close_reason::open_timeout:
    case close_reason::refused_not_owner:
    case close_reason::refused_busy:
      return handoff_result::opening_timeout;
    case close_reason::stream_reset_by_backend:
    case close_reason::backend_violation:
      return handoff_result::reset;
    default:
      return handoff_result::client_left;
  }
}

move_cause cause_of_stranding(close_reason reason) {
  return reason == close_reason::link_lost ? move_cause::link_lost : move_cause::backend_ended;
}

}  // namespace presenter::gateway
