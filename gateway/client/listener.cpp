#include "gateway/client/listener.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

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

bool set_option(int descriptor, int level, int option, int value) {
  return ::setsockopt(descriptor, level, option, &value, sizeof value) == 0;
}

// Accepted sockets inherit these, at no system call each. Silent death is found within 240 + 3 × 30
// s.
bool set_client_options(int descriptor) {
  return set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1) &&
         set_option(descriptor, SOL_SOCKET, SO_KEEPALIVE, 1) &&
         set_option(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, 240) &&
         set_option(descriptor, IPPROTO_TCP, TCP_KEEPINTVL, 30) &&
         set_option(descriptor, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

}  // namespace

boost::system::result<listening_socket> listening_socket::open(const tcp_endpoint& address,
                                                               int backlog) {
  const int family = address.address().is_v6() ? AF_INET6 : AF_INET;
  listening_socket made(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (made.descriptor_ < 0) return last_error();
  if (!set_option(made.descriptor_, SOL_SOCKET, SO_REUSEADDR, 1) ||
      !set_option(made.descriptor_, SOL_SOCKET, SO_REUSEPORT, 1) ||
      !set_client_options(made.descriptor_) ||
      ::bind(made.descriptor_, address.data(), static_cast<socklen_t>(address.size())) != 0 ||
      ::listen(made.descriptor_, backlog) != 0) {
    return last_error();
  }
  return made;
}

listening_socket::listening_socket(listening_socket&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)) {}

listening_socket& listening_socket::operator=(listening_socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
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

listener::listener(listening_socket socket, poller& polls, deadline_wheel& deadlines,
                   worker_metrics& metrics, limits limits, accepted on_accepted)
    : socket_(std::move(socket)),
      polls_(polls),
      deadlines_(deadlines),
      metrics_(metrics),
      limits_(std::move(limits)),
      on_accepted_(std::move(on_accepted)) {}

listener::~listener() {
  pause();
}

void listener::resume() {
  if (stopped_ || std::exchange(listening_, true)) return;
  clear_deadline();
  if (const auto error = polls_.add(socket_.descriptor(), *this, poll_mode::level_in)) {
    spdlog::error("cannot poll the listener: {}", error.message());
  }
}

void listener::pause() {
  if (std::exchange(listening_, false)) polls_.remove(socket_.descriptor(), *this);
}

void listener::stop() {
  stopped_ = true;
  clear_deadline();
  pause();
  socket_.close();
}

void listener::on_deadline(steady_time) {
  resume();
}

void listener::on_poll(std::uint32_t) {
  // While handshakes wait, one: more would only make the queue longer, and the turn.
  const int accepts = limits_.is_busy() ? 1 : accepts_per_turn;
  for (int i = 0; i < accepts; ++i) {
    if (limits_.clients_open() >= limits_.clients_max) return pause();
    tcp_endpoint peer;
    auto size = static_cast<socklen_t>(peer.capacity());
    const int descriptor =
        ::accept4(socket_.descriptor(), peer.data(), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (descriptor >= 0) {
      peer.resize(size);
      on_accepted_(descriptor, peer);
      continue;
    }
    if (errno == EAGAIN) return;
    if (errno == ECONNABORTED || errno == EINTR || errno == EPROTO) continue;
    // EMFILE, ENFILE, ENOBUFS, ENOMEM: the client waits in the kernel, and so do we.
    metrics_.accept_failures.add();
    spdlog::error("cannot accept clients: {}", last_error().message());
    pause();
    return deadlines_.set_deadline(*this,
                                   std::chrono::steady_clock::now() + pause_without_descriptors);
  }
}

}  // namespace presenter::gateway
