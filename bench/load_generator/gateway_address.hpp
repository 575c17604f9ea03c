// Where a client connects to, and from where: HOST:PORT resolved once, and the spread over several
// addresses that keeps one machine from running out of ports.
#pragma once

#include <sys/socket.h>

#include <boost/system/result.hpp>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace presenter::bench {

// An address of this machine, from which clients connect.
struct source_address {
  sockaddr_storage address{};
  socklen_t address_bytes = 0;
};

// "N": the first N of 127.0.0.1, 127.0.0.2 …; or addresses, with commas between them.
// Errors: std::invalid_argument with a text for the user.
std::vector<source_address> parse_sources(std::string_view text);

struct gateway_address {
  std::string text;  // as given
  std::string host;
  sockaddr_storage address{};
  socklen_t address_bytes = 0;
};

// "HOST:PORT" or "[V6]:PORT"; names are resolved, blocking for some seconds at most. Of several
// addresses the first that takes a connection, which is closed again. Errors: std::invalid_argument
// with a text for the user.
gateway_address resolve_gateway(std::string_view text);

// A non-blocking TCP socket on its way to `to`; the caller's to close.
// `source` is where it comes from, none where it is not of the gateway's family, or of loopback and
// the gateway is not. Errors: what the kernel says, but for "in progress".
boost::system::result<int> start_connect(const gateway_address& to, const source_address* source);

// The source of the n-th client, or null.
const source_address* source_of(const std::vector<source_address>&, std::size_t client);

}  // namespace presenter::bench
