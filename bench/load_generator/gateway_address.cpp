#include "bench/load_generator/gateway_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <boost/asio/io_context.hpp>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <stdexcept>

#include "base/net/connector.hpp"
#include "base/net/resolver.hpp"
#include "shard_router/host.hpp"

namespace presenter::bench {

namespace {

constexpr int enabled = 1;
constexpr std::chrono::milliseconds connect_timeout{5'000};

boost::system::error_code last_error() {
  return {errno, boost::system::system_category()};
}

void bind_to_source(int fd, std::size_t source) {
  sockaddr_in from{};
  from.sin_family = AF_INET;
  // 127.0.0.1 is the first; 127.x.y.0 and .255 are left out.
  const auto n = static_cast<std::uint32_t>(source - 1);
  from.sin_addr.s_addr = htonl(0x7f000000U + ((n / 254) << 8) + n % 254 + 1);
  // The port is chosen at connect, so that each source address has all of them per gateway.
  ::setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &enabled, sizeof enabled);
  ::bind(fd, reinterpret_cast<const sockaddr*>(&from), sizeof from);
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

bool gateway_address::is_ipv4_loopback() const {
  if (address.ss_family != AF_INET) return false;
  const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
  return ntohl(v4.sin_addr.s_addr) >> 24 == 127;
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

boost::system::result<int> start_connect(const gateway_address& to, std::size_t source) {
  const int fd =
      ::socket(to.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
  if (fd < 0) return last_error();
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &enabled, sizeof enabled);
  if (source != 0 && to.is_ipv4_loopback()) bind_to_source(fd, source);
  const auto* const address = reinterpret_cast<const sockaddr*>(&to.address);
  if (::connect(fd, address, to.address_bytes) != 0 && errno != EINPROGRESS) {
    const auto error = last_error();
    ::close(fd);
    return error;
  }
  return fd;
}

}  // namespace presenter::bench
