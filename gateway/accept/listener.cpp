#include "gateway/accept/listener.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <utility>

#include "base/paced_log.hpp"
#include "gateway/config/address_range.hpp"

namespace presenter::gateway {
namespace {

// Few at a time: those who are talking come first, and the rest wait in the kernel.
constexpr int accepts_per_turn = 16;

// Time for some descriptors to be given back.
constexpr std::chrono::milliseconds pause_without_descriptors{200};

}  // namespace

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
  if (is_stopped_ || is_held_ || has_deadline() || is_listening_) return;
  // No memory in the kernel, or fs.epoll.max_user_watches is reached: tried again, as without
  // descriptors.
  if (const auto error = polls_.add(socket_.descriptor(), *this, poll_mode::level_in)) {
    metrics_.accept_failures.add();
    return pause_for_descriptors("the listener cannot be watched: " + error.message());
  }
  is_listening_ = true;
  metrics_.accept_paused[accept_pause::clients_max].set(0);
  metrics_.accept_paused[accept_pause::descriptors].set(0);
}

void listener::stop_polling() {
  if (std::exchange(is_listening_, false)) polls_.remove(socket_.descriptor(), *this);
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

void listener::change(std::size_t clients_max, int backlog, const clients_config& clients,
                      int fast_open) {
  if (is_stopped_) return;
  for (const option_refusal& each : socket_.change(backlog, clients, fast_open))
    log_paced(refused_said_, spdlog::level::warn,
              "{}: the kernel refuses {}: {}; new clients are as before", each.key, each.option,
              each.why.message());
  limits_.clients_max = clients_max;
  if (limits_.clients_open() < clients_max) resume();
}

void listener::hold() {
  is_held_ = true;
  stop_polling();
}

void listener::let_in() {
  is_held_ = false;
  resume();
}

void listener::stop() {
  is_stopped_ = true;
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
    const boost::system::error_code why(errno, boost::system::system_category());
    metrics_.accept_failures.add();
    return pause_for_descriptors(why.message());
  }
}

}  // namespace presenter::gateway
