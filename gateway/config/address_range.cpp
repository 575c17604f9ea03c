#include "gateway/config/address_range.hpp"

#include <algorithm>
#include <string>

#include "base/parse_number.hpp"

namespace presenter::gateway {
namespace {

namespace ip = boost::asio::ip;

constexpr unsigned mapped_bits = 96;  // in front of an IPv4 address

// The bits of byte `index` that belong to a prefix of `bits`.
std::uint8_t mask_of(unsigned bits, std::size_t index) {
  const auto before = static_cast<unsigned>(index) * 8;
  const unsigned within = bits <= before ? 0 : std::min(bits - before, 8U);
  return static_cast<std::uint8_t>(0xff00U >> within);
}

bool is_mapped(const std::array<std::uint8_t, 16>& bytes) {
  return ip::address_v6(bytes).is_v4_mapped();
}

std::optional<unsigned> parse_bits(std::string_view text, unsigned most) {
  const auto bits = parse_number<unsigned>(text);
  return bits && *bits <= most ? bits : std::nullopt;
}

}  // namespace

ip::address unmapped(const ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return ip::make_address_v4(ip::v4_mapped, address.to_v6());
}

std::array<std::uint8_t, 16> mapped_bytes(const ip::address& address) {
  if (address.is_v6()) return address.to_v6().to_bytes();
  return ip::make_address_v6(ip::v4_mapped, address.to_v4()).to_bytes();
}

bool address_range::contains(const ip::address& address) const {
  const auto bytes = mapped_bytes(address);
  // "::/0" is all of IPv6, not all of everything.
  if (is_mapped(bytes) && !is_mapped(prefix)) return false;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (((bytes[i] ^ prefix[i]) & mask_of(bits, i)) != 0) return false;
  }
  return true;
}

std::optional<address_range> parse_address_range(std::string_view text) {
  const auto slash = text.find('/');
  boost::system::error_code error;
  const auto address = ip::make_address(std::string(text.substr(0, slash)), error);
  if (error || (address.is_v6() && address.to_v6().scope_id() != 0)) return std::nullopt;
  address_range range{mapped_bytes(address), 128};
  if (slash == std::string_view::npos) return range;
  const auto bits = parse_bits(text.substr(slash + 1), address.is_v4() ? 32 : 128);
  if (!bits) return std::nullopt;
  range.bits = *bits + (address.is_v4() ? mapped_bits : 0);
  for (std::size_t i = 0; i < range.prefix.size(); ++i) {
    if ((range.prefix[i] & ~mask_of(range.bits, i)) != 0) return std::nullopt;
  }
  return range;
}

std::string format_address_range(const address_range& range) {
  const auto address = unmapped(ip::make_address_v6(range.prefix));
  return address.to_string() + '/' +
         std::to_string(address.is_v4() ? range.bits - mapped_bits : range.bits);
}

std::vector<address_range> address_ranges_loopback() {
  return {*parse_address_range("127.0.0.0/8"), *parse_address_range("::1")};
}

}  // namespace presenter::gateway
