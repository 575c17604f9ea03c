#include "bench/load_generator/gateway_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "base/net/connector.hpp"
#include "base/net/resolver.hpp"
#include "base/parse_number.hpp"
#include "shard_router/host.hpp"

namespace presenter::bench {

namespace {

constexpr int enabled = 1;
constexpr std::chrono::milliseconds connect_timeout{5'000};

boost::system::error_code last_error() {
  return {errno, boost::system::system_category()};
}

template <class Address>
source_address source_at(const Address& address) {
  source_address source;
  std::memcpy(&source.address, &address, sizeof address);
  source.address_bytes = sizeof address;
  return source;
}

// 127.0.0.1 is the first, with n = 0; 127.x.y.0 and .255 are left out.
source_address loopback_source(std::uint32_t n) {
  sockaddr_in from{};
  from.sin_family = AF_INET;
  from.sin_addr.s_addr = htonl(0x7f000000U + ((n / 254) << 8) + n % 254 + 1);
  return source_at(from);
}

source_address parse_source(const std::string& text) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) return source_at(v4);
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) == 1) return source_at(v6);
  throw std::invalid_argument("neither a number nor an address of this machine: " + text);
}

bool is_ipv4_loopback(const sockaddr_storage& address) {
  if (address.ss_family != AF_INET) return false;
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
}

bool fits(const source_address& from, const gateway_address& to) {
  return from.address.ss_family == to.address.ss_family &&
         is_ipv4_loopback(from.address) <= is_ipv4_loopback(to.address);
}

bool bind_to_source(int fd, const source_address& from) {
  // The port is chosen at connect, so that each source address has all of them per gateway.
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &enabled, sizeof enabled);
  return ::bind(fd, reinterpret_cast<const sockaddr*>(&from.address), from.address_bytes) == 0;
}

net::addresses resolve(const std::string& text, const std::string& host) {
  boost::asio::io_context io{1};
  net::resolver names(io.get_executor());
  net::resolved_name name;
  names.resolve(host, [&](const net::resolved_name& found) { name = found; });
  io.run();
  if (name.all.empty()) throw std::invalid_argument(text + ": " + name.failed.message());
  return name.all;
}

boost::asio::ip::tcp::endpoint reachable_of(const std::string& text, const net::addresses& all,
                                            std::uint16_t port) {
  const net::endpoints targets = net::interleaved(all, port);
  if (targets.size() == 1) return targets.front();
  boost::asio::io_context io{1};
  boost::asio::ip::tcp::endpoint reached;
  std::string mistake;
  std::make_shared<net::connector>(io, targets)
      ->start(connect_timeout, [&](boost::system::error_code failed, net::tcp_socket,
                                   const std::vector<net::connect_attempt>& attempts) {
        if (failed) mistake = attempts.empty() ? failed.message() : text_of(attempts);
        for (const auto& each : attempts)
          if (!each.result) reached = each.to;
      });
  io.run();
  if (!mistake.empty()) throw std::invalid_argument(text + ": " + mistake);
  return reached;
}

}  // namespace

std::vector<source_address> parse_sources(std::string_view text) {
  std::vector<source_address> sources;
  constexpr std::uint32_t sources_max = 10'000;
  if (const auto number = parse_number<std::uint32_t>(text)) {
    if (*number > sources_max) throw std::invalid_argument("more than 10,000 source addresses");
    for (std::uint32_t n = 0; n < *number; ++n)
      sources.push_back(loopback_source(n));
    return sources;
  }
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t comma = std::min(text.find(',', begin), text.size());
    sources.push_back(parse_source(std::string(text.substr(begin, comma - begin))));
    begin = comma + 1;
  }
  return sources;
}

const source_address* source_of(const std::vector<source_address>& sources, std::size_t client) {
  return sources.empty() ? nullptr : &sources[client % sources.size()];
}

gateway_address resolve_gateway(std::string_view text) {
  const auto parsed = shard_router::parse_host_port(text);
  if (!parsed || parsed->port == 0)
    throw std::invalid_argument("not HOST:PORT or [IPV6]:PORT: " + std::string(text));
  gateway_address found;
  found.text = text;
  found.host = parsed->host;
  const auto chosen = reachable_of(found.text, resolve(found.text, found.host), parsed->port);
  std::memcpy(&found.address, chosen.data(), chosen.size());
  found.address_bytes = static_cast<socklen_t>(chosen.size());
  return found;
}

boost::system::result<int> start_connect(const gateway_address& to, const source_address* source) {
  const int fd =
      ::socket(to.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return last_error();
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &enabled, sizeof enabled);
  const bool is_bound = source == nullptr || !fits(*source, to) || bind_to_source(fd, *source);
  const auto* const address = reinterpret_cast<const sockaddr*>(&to.address);
  if (!is_bound || (::connect(fd, address, to.address_bytes) != 0 && errno != EINPROGRESS)) {
    const auto error = last_error();
    ::close(fd);
    return error;
  }
  return fd;
}

}  // namespace presenter::bench
