#include "gateway/accept/listener.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <fstream>
#include <utility>

#include "base/paced_log.hpp"
#include "gateway/config/address_range.hpp"

namespace presenter::gateway {
using boost::system::error_code;

namespace {

// Few at a time: those who are talking come first, and the rest wait in the kernel.
constexpr int accepts_per_turn = 16;

// Time for some descriptors to be given back.
constexpr std::chrono::milliseconds pause_without_descriptors{200};

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

listener::listener(listening_socket socket, poller& polls, deadline_wheel& deadlines,
                   worker_metrics& metrics, limits limits, accepted on_accepted)
    : socket_(std::move(socket)),
      polls_(polls),
      deadlines_(deadlines),
      metrics_(metrics),
      limits_(std::move(limits)),
      on_accepted_(std::move(on_accepted)) {}

listener::~listener() {
  stop_polling();
}

void listener::resume() {
  if (stopped_ || has_deadline() || listening_) return;
  // No memory in the kernel, or fs.epoll.max_user_watches is reached: tried again, as without
  // descriptors.
  if (const auto error = polls_.add(socket_.descriptor(), *this, poll_mode::level_in)) {
    metrics_.accept_failures.add();
    return pause_for_descriptors("the listener cannot be watched: " + error.message());
  }
  listening_ = true;
  metrics_.accept_paused[accept_pause::clients_max].set(0);
  metrics_.accept_paused[accept_pause::descriptors].set(0);
}

void listener::stop_polling() {
  if (std::exchange(listening_, false)) polls_.remove(socket_.descriptor(), *this);
}

void listener::pause(accept_pause why) {
  stop_polling();
  metrics_.accept_pauses[why].add();
  metrics_.accept_paused[why].set(1);
}

void listener::pause_when_full() {
  log_paced(full_said_, spdlog::level::warn,
            "clients wait to be accepted: {} are here, this worker's part of limits.clients_max",
            limits_.clients_max);
  pause(accept_pause::clients_max);
}

void listener::pause_for_descriptors(std::string_view why) {
  const auto now = std::chrono::steady_clock::now();
  log_paced(said_, spdlog::level::err, "clients wait to be accepted: {}", why);
  pause(accept_pause::descriptors);
  deadlines_.set_deadline(*this, now + pause_without_descriptors);
}

bool listener::has_descriptors() const {
  const int next = ::fcntl(socket_.descriptor(), F_DUPFD_CLOEXEC, 0);
  if (next < 0) return false;
  ::close(next);
  return static_cast<std::size_t>(next) < limits_.descriptors_watermark;
}

void listener::stop() {
  stopped_ = true;
  clear_deadline();
  stop_polling();
  socket_.close();
}

void listener::on_deadline(steady_time now) {
  if (has_descriptors()) return resume();
  deadlines_.set_deadline(*this, now + pause_without_descriptors);
}

void listener::on_poll(std::uint32_t) {
  // While handshakes wait, one: more would only make the queue longer, and the turn.
  const int accepts = limits_.is_busy() ? 1 : accepts_per_turn;
  for (int i = 0; i < accepts; ++i) {
    if (limits_.clients_open() >= limits_.clients_max) return pause_when_full();
    tcp_endpoint peer;
    auto size = static_cast<socklen_t>(peer.capacity());
    const int descriptor =
        ::accept4(socket_.descriptor(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      peer.resize(size);
      peer.address(unmapped(peer.address()));
      on_accepted_(descriptor, peer);
      if (static_cast<std::size_t>(descriptor) >= limits_.descriptors_watermark)
        return pause_for_descriptors("nearly all descriptors are in use");
      continue;
    }
    if (errno == EAGAIN) return;
    if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO) continue;
    // EMFILE, ENFILE, ENOBUFS, ENOMEM: the client waits in the kernel, and so do we.
    metrics_.accept_failures.add();
    return pause_for_descriptors(last_error().message());
  }
}

}  // namespace presenter::gateway
