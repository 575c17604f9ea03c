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

}  // namespace presenter::gateway
