// Where a client connects to, and from where: HOST:PORT resolved once, and the spread over
// 127.0.0.0/8 that keeps one machine from running out of ports.
#pragma once

#include <sys/socket.h>

#include <boost/system/result.hpp>
#include <cstddef>
#include <string>
#include <string_view>

namespace presenter::bench {

struct gateway_address {
  std::string text;  // as given
  std::string host;
  sockaddr_storage address{};
  socklen_t address_bytes = 0;

  bool is_ipv4_loopback() const;
};

// "HOST:PORT" or "[V6]:PORT"; names are resolved, blocking for some seconds at most. Of several
// addresses the first that takes a connection, which is closed again. Errors: std::invalid_argument
// with a text for the user.
gateway_address resolve_gateway(std::string_view text);

// A non-blocking TCP socket on its way to `to`; the caller's to close.
// `source` n > 0 binds to the n-th of 127.0.0.1, 127.0.0.2 … where the gateway is on loopback; 0
// binds to nothing. Errors: what the kernel says, but for "in progress".
boost::system::result<int> start_connect(const gateway_address& to, std::size_t source);

}  // namespace presenter::bench
