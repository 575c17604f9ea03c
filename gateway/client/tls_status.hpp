// What a step of a client's TLS session came to.
#pragma once

#include <cstddef>
#include <cstdint>

namespace presenter::gateway {

enum class tls_status : std::uint8_t {
  ok,
  want_read,   // nothing to be had until the socket is readable
  want_write,  // the socket is full
  finished,    // the peer's close_notify: a clean end of its direction
  truncated,   // the peer's TCP ended without one
  reset,       // the socket failed
  violation,   // the peer broke TLS; the alert has been sent if the socket took it
};

struct tls_result {
  tls_status status = tls_status::ok;
  std::size_t n = 0;  // with ok: 1 or more
};

}  // namespace presenter::gateway
