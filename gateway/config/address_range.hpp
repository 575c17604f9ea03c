// Ranges of client addresses, as the configuration names them: "10.0.0.0/8", "2001:db8::/32".
#pragma once

#include <array>
#include <boost/asio/ip/address.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace presenter::gateway {

// IPv4 is held as IPv4-mapped IPv6, so that a client of a dual-stack listener is the same client.
struct address_range {
  std::array<std::uint8_t, 16> prefix{};
  unsigned bits = 128;  // of the prefix that count. 0 … 128

  bool contains(const boost::asio::ip::address& address) const;
  bool operator==(const address_range&) const = default;
};

// An address and the length of its prefix, or one address alone. Nothing if it is not that, or if
// bits are set behind the prefix: then something else was meant.
std::optional<address_range> parse_address_range(std::string_view text);

// As parse_address_range takes it.
std::string format_address_range(const address_range& range);

// 127.0.0.0/8 and ::1.
std::vector<address_range> address_ranges_loopback();

// An IPv4-mapped IPv6 address, as a listener on [::] gets it, is the IPv4 address that it holds.
boost::asio::ip::address unmapped(const boost::asio::ip::address& address);

// IPv4 as IPv4-mapped IPv6.
std::array<std::uint8_t, 16> mapped_bytes(const boost::asio::ip::address& address);

}  // namespace presenter::gateway
