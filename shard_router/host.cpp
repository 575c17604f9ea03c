#include "shard_router/host.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "shard_router/errc.hpp"
#include "shard_router/limits.hpp"

namespace presenter::shard_router {
namespace {

constexpr std::size_t label_bytes_max = 63;  // RFC 1035 §2.3.4

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_hex_digit(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

bool is_label(std::string_view text) {
  const auto is_allowed = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '_';
  };
  return !text.empty() && text.size() <= label_bytes_max && text.front() != '-' &&
         text.back() != '-' && std::ranges::all_of(text, is_allowed);
}

// As inet_aton reads the last part of an address.
bool is_number(std::string_view label) {
  if (label.starts_with("0x") || label.starts_with("0X"))
    return std::ranges::all_of(label.substr(2), is_hex_digit);
  return std::ranges::all_of(label, is_digit);
}

bool is_name(std::string_view text) {
  if (text.ends_with('.')) text.remove_suffix(1);
  while (true) {
    const std::size_t dot = text.find('.');
    const std::string_view label = text.substr(0, dot);
    if (!is_label(label)) return false;
    if (dot == std::string_view::npos) return !is_number(label);
    text.remove_prefix(dot + 1);
  }
}

// inet_pton into `bytes`; it wants an end behind the text.
template <std::size_t Size>
bool read_address(int family, std::string_view text, std::array<std::uint8_t, Size>& bytes) {
  std::array<char, INET6_ADDRSTRLEN> ended{};
  if (text.size() >= ended.size() || text.find('\0') != std::string_view::npos) return false;
  std::memcpy(ended.data(), text.data(), text.size());
  return ::inet_pton(family, ended.data(), bytes.data()) == 1;
}

// RFC 1122 §3.2.1.3: "this network"; RFC 5771: multicast; RFC 919: everybody.
bool is_nobodys(const std::uint8_t* ipv4) {
  const bool is_broadcast = std::all_of(ipv4, ipv4 + 4, [](std::uint8_t b) { return b == 255; });
  return ipv4[0] == 0 || (ipv4[0] & 0xf0) == 0xe0 || is_broadcast;
}

bool is_nobodys_ipv6(const std::array<std::uint8_t, 16>& bytes) {
  constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  if (std::equal(mapped.begin(), mapped.end(), bytes.begin())) return is_nobodys(&bytes[12]);
  const bool is_multicast = bytes[0] == 0xff;  // RFC 4291 §2.7
  return is_multicast || std::ranges::all_of(bytes, [](std::uint8_t b) { return b == 0; });
}

}  // namespace

host_kind host_kind_of(std::string_view text) noexcept {
  if (text.empty() || text.size() > limits::host_bytes_max) return host_kind::none;
  std::array<std::uint8_t, 16> bytes{};
  if (text.find(':') != std::string_view::npos)
    return read_address(AF_INET6, text, bytes) ? host_kind::ipv6 : host_kind::none;
  if (read_address(AF_INET, text, bytes)) return host_kind::ipv4;
  return is_name(text) ? host_kind::name : host_kind::none;
}

boost::system::error_code check_host(std::string_view text) noexcept {
  std::array<std::uint8_t, 16> bytes{};
  switch (host_kind_of(text)) {
    case host_kind::none:
      return errc::host_invalid;
    case host_kind::name:
      return {};
    case host_kind::ipv4:
      read_address(AF_INET, text, bytes);
      if (is_nobodys(bytes.data())) return errc::host_wildcard;
      return {};
    case host_kind::ipv6:
      read_address(AF_INET6, text, bytes);
      if (is_nobodys_ipv6(bytes)) return errc::host_wildcard;
      return {};
  }
  return errc::host_invalid;
}

std::optional<host_port> parse_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::string_view host = text.substr(0, colon);
  const bool is_bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (is_bracketed) host = host.substr(1, host.size() - 2);
  const host_kind kind = host_kind_of(host);
  if (kind == host_kind::none || (kind == host_kind::ipv6) != is_bracketed) return std::nullopt;
  host_port found{std::string(host), 0};
  const char* const end = text.data() + text.size();
  const auto [stop, failed] = std::from_chars(text.data() + colon + 1, end, found.port);
  if (failed != std::errc() || stop != end) return std::nullopt;
  return found;
}

std::string format_host_port(std::string_view host, std::uint16_t port) {
  const bool is_ipv6 = host.find(':') != std::string_view::npos;
  return is_ipv6 ? fmt::format("[{}]:{}", host, port) : fmt::format("{}:{}", host, port);
}

}  // namespace presenter::shard_router
