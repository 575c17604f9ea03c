// What a step of a client's TLS session came to.
#pragma once

#include <cstddef>
#include <cstdint>

namespace presenter::gateway {

enum class tls_status : std::uint8_t {
  ok,
  want_read,   // nothing to be had until the socket is readable
  want_write,  // the socket is full
  again,       // its share of this turn is used up; there may be more in the next one
  finished,    // the peer's close_notify: a clean end of its direction
  truncated,   // the peer's TCP ended without one; it is told so by an alert
  reset,       // the socket failed
  violation,   // the peer broke TLS; the alert leaves as soon as the socket takes it
};

// Nothing is wrong: the same step is to be tried again, at the socket's word or in a later turn.
constexpr bool goes_on(tls_status status) {
  return status == tls_status::want_read || status == tls_status::want_write ||
         status == tls_status::again;
}

struct tls_result {
  tls_status status = tls_status::ok;
  std::size_t n = 0;  // with ok: 1 or more
};

}  // namespace presenter::gateway
