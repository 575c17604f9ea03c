#include "gateway/accept/listening_socket.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <utility>

namespace presenter::gateway {
using boost::system::error_code;

namespace {

error_code last_error() {
  return {errno, boost::system::system_category()};
}

int seconds_of(duration value) {
  return static_cast<int>(std::chrono::ceil<std::chrono::seconds>(value).count());
}

// What clients are to have; accepted sockets inherit it, at no system call each. 0 is the kernel's
// own for those that can be 0.
struct wanted_option {
  int level;
  int option;
  int value;
  bool is_wanted;
  option_refusal if_refused;
};

std::vector<wanted_option> client_options(const tcp_endpoint& address,
                                          const clients_config& clients, int fast_open) {
  // Whatever net.ipv6.bindv6only says: [::] is everybody.
  const bool is_everybody = address.address().is_v6() && address.address().is_unspecified();
  const bool keeps = clients.keepalive;
  const auto user_timeout_ms = static_cast<int>(clients.user_timeout.count());
  const auto refused = [](const char* option, const char* key) {
    return option_refusal{option, key, {}};
  };
  return {
      {IPPROTO_IPV6, IPV6_V6ONLY, 0, is_everybody, refused("IPV6_V6ONLY", "listen.address")},
      {IPPROTO_TCP, TCP_NODELAY, 1, true, refused("TCP_NODELAY", "listen.address")},
      {SOL_SOCKET, SO_KEEPALIVE, 1, keeps, refused("SO_KEEPALIVE", "clients.keepalive")},
      {IPPROTO_TCP, TCP_KEEPIDLE, seconds_of(clients.keepalive_idle), keeps,
       refused("TCP_KEEPIDLE", "clients.keepalive_idle")},
      {IPPROTO_TCP, TCP_KEEPINTVL, seconds_of(clients.keepalive_interval), keeps,
       refused("TCP_KEEPINTVL", "clients.keepalive_interval")},
      {IPPROTO_TCP, TCP_KEEPCNT, clients.keepalive_count, keeps,
       refused("TCP_KEEPCNT", "clients.keepalive_count")},
      {IPPROTO_TCP, TCP_USER_TIMEOUT, user_timeout_ms, user_timeout_ms != 0,
       refused("TCP_USER_TIMEOUT", "clients.user_timeout")},
      {IPPROTO_TCP, TCP_NOTSENT_LOWAT, clients.notsent_lowat_bytes,
       clients.notsent_lowat_bytes != 0,
       refused("TCP_NOTSENT_LOWAT", "clients.notsent_lowat_bytes")},
      {IPPROTO_TCP, TCP_FASTOPEN, fast_open, fast_open != 0,
       refused("TCP_FASTOPEN", "listen.fast_open")},
  };
}

}  // namespace

boost::system::result<listening_socket, listen_failure> listening_socket::open(
    const tcp_endpoint& address, int backlog, const clients_config& clients, int fast_open,
    option_setter set) {
  const int family = address.address().is_v6() ? AF_INET6 : AF_INET;
  listening_socket made(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (made.descriptor_ < 0) return listen_failure{"", last_error()};
  const auto is_set = [&](int level, int option, int value) {
    return set(made.descriptor_, level, option, &value, sizeof value) == 0;
  };
  if (!is_set(SOL_SOCKET, SO_REUSEADDR, 1)) return listen_failure{"SO_REUSEADDR", last_error()};
  if (!is_set(SOL_SOCKET, SO_REUSEPORT, 1)) return listen_failure{"SO_REUSEPORT", last_error()};
  for (wanted_option& each : client_options(address, clients, fast_open)) {
    if (!each.is_wanted || is_set(each.level, each.option, each.value)) continue;
    each.if_refused.why = last_error();
    made.refusals_.push_back(each.if_refused);
  }
  if (::bind(made.descriptor_, address.data(), static_cast<socklen_t>(address.size())) != 0 ||
      ::listen(made.descriptor_, backlog) != 0) {
    return listen_failure{"", last_error()};
  }
  return made;
}

// Those that are not wanted any more as well: 0 is the kernel's own, or off, for each of them.
std::vector<option_refusal> listening_socket::change(int backlog, const clients_config& clients,
                                                     int fast_open) {
  std::vector<option_refusal> refused;
  for (wanted_option& each : client_options(local_endpoint(), clients, fast_open)) {
    const bool is_switch = each.option == SO_KEEPALIVE && each.level == SOL_SOCKET;
    const bool has_zero = each.option == TCP_USER_TIMEOUT || each.option == TCP_NOTSENT_LOWAT ||
                          each.option == TCP_FASTOPEN;
    // A socket that listens keeps its family.
    if (each.level == IPPROTO_IPV6 || !(each.is_wanted || is_switch || has_zero)) continue;
    const int value = each.is_wanted ? each.value : 0;
    if (::setsockopt(descriptor_, each.level, each.option, &value, sizeof value) == 0) continue;
    each.if_refused.why = last_error();
    refused.push_back(each.if_refused);
  }
  if (::listen(descriptor_, backlog) != 0)
    refused.push_back({"listen", "listen.backlog", last_error()});
  return refused;
}

listening_socket::listening_socket(listening_socket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), refusals_(std::move(other.refusals_)) {}

listening_socket& listening_socket::operator=(listening_socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(refusals_, other.refusals_);
  return *this;
}

listening_socket::~listening_socket() {
  close();
}

void listening_socket::close() {
  if (descriptor_ >= 0) ::close(std::exchange(descriptor_, -1));
}

tcp_endpoint listening_socket::local_endpoint() const {
  tcp_endpoint local;
  auto size = static_cast<socklen_t>(local.capacity());
  if (::getsockname(descriptor_, local.data(), &size) == 0) local.resize(size);
  return local;
}

// A socket without SO_REUSEPORT is nobody's partner: it cannot be bound beside one that listens.
bool is_listened_on(const tcp_endpoint& address) {
  if (address.port() == 0) return false;
  const int family = address.address().is_v6() ? AF_INET6 : AF_INET;
  const int probe = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (probe < 0) return false;
  const int on = 1;
  const bool is_taken =
      ::setsockopt(probe, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      ::bind(probe, address.data(), static_cast<socklen_t>(address.size())) != 0 &&
      errno == EADDRINUSE;
  ::close(probe);
  return is_taken;
}

bool is_fast_open_allowed() {
  constexpr int servers = 2;  // RFC 7413; Linux, ip-sysctl, tcp_fastopen
  int allowed = servers;
  std::ifstream("/proc/sys/net/ipv4/tcp_fastopen") >> allowed;
  return (allowed & servers) != 0;
}

}  // namespace presenter::gateway
