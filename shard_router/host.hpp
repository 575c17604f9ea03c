// What may stand where a host is named: in a znode, a map file, the configuration, a command line;
// and "host:port". One rule for all of them, so that what enters anywhere can be used everywhere.
#pragma once

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace presenter::shard_router {

enum class host_kind : std::uint8_t { none, name, ipv4, ipv6 };

// A name is what RFC 1123 §2.1 lets a host be called, 1 to 253 bytes; also with underscores, which
// the networks of containers have, and with the dot of a whole name at its end. Its last label is
// no number: getaddrinfo takes "127.1" and "0" for addresses, and "10.0.0.256" for a name. IPv6 is
// without brackets, and without a zone, which means something on one machine only.
host_kind host_kind_of(std::string_view text) noexcept;

// For a host that others are to connect to. errc::host_invalid, or errc::host_wildcard for
// addresses that are nobody's: 0.0.0.0, ::, multicast.
boost::system::error_code check_host(std::string_view text) noexcept;

struct host_port {
  std::string host;  // IPv6: without its brackets
  std::uint16_t port = 0;
  bool operator==(const host_port&) const = default;
};

// "chat.example:443", "10.0.0.1:443", "[::1]:443", any kind of host, port 0 … 65535.
std::optional<host_port> parse_host_port(std::string_view text);

// The other way: IPv6 gets its brackets.
std::string format_host_port(std::string_view host, std::uint16_t port);

}  // namespace presenter::shard_router
