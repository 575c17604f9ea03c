#include "bench/load_generator/gateway_channel.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <boost/system/error_code.hpp>
#include <cerrno>
#include <string>
#include <utility>

namespace presenter::bench {

namespace {

// One per thread, because whatever is read is handed on at once.
constexpr std::size_t read_bytes = 16 * 1'024;
thread_local std::array<std::byte, read_bytes> read_buffer;

}  // namespace

gateway_channel::gateway_channel(event_loop& loop, const tls_client_context& context,
                                 channel_user& user)
    : loop_(loop), context_(context), user_(user) {}

gateway_channel::~gateway_channel() {
  abandon();
}

void gateway_channel::open(const gateway_address& to, const source_address* source) {
  connect_started_ = std::chrono::steady_clock::now();
  const auto fd = start_connect(to, source);
  if (!fd) return user_.on_channel_closed(fd.error().message());
  fd_ = *fd;
  state_ = state::connecting;
  wants_write_ = true;
  loop_.add(fd_, EPOLLIN | EPOLLOUT, *this);
}

bool gateway_channel::has_room_for(std::size_t bytes) const {
  return state_ == state::open && unsent_.size() + bytes <= channel_queue_bytes_max;
}

void gateway_channel::send(std::span<const std::byte> bytes) {
  unsent_.append(bytes);
  if (!wants_write_) flush();
}

void gateway_channel::close_cleanly() {
  if (state_ != state::open) return abandon();
  flush();
  if (state_ != state::open) return;
  state_ = state::closing;
  tls_->close_notify();
  ::shutdown(fd_, SHUT_WR);
  want_write(false);
}

void gateway_channel::abandon() {
  if (state_ == state::closed) return;
  state_ = state::closed;
  loop_.remove(fd_);
  tls_.reset();
  ::close(std::exchange(fd_, -1));
  unsent_.release();
}

void gateway_channel::reset() {
  if (state_ == state::closed) return;
  const linger at_once{1, 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  abandon();
}

void gateway_channel::on_ready(std::uint32_t events) {
  if (state_ == state::connecting) finish_connect();
  if (state_ == state::handshaking) step_handshake();
  if (state_ == state::open && (events & EPOLLOUT) != 0) flush();
  if (state_ == state::open || state_ == state::closing) read_some();
}

void gateway_channel::finish_connect() {
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size);
  if (error != 0) {
    return fail(boost::system::error_code(error, boost::system::system_category()).message());
  }
  sockaddr_storage peer{};
  socklen_t peer_size = sizeof peer;
  // An event left over from an earlier descriptor: not connected yet.
  if (::getpeername(fd_, reinterpret_cast<sockaddr*>(&peer), &peer_size) != 0) return;
  connected_at_ = std::chrono::steady_clock::now();
  tls_ = std::make_unique<tls_client>(context_, fd_);
  state_ = state::handshaking;
}

void gateway_channel::step_handshake() {
  const tls_result result = tls_->handshake();
  if (result.status == tls_status::want_read) return want_write(false);
  if (result.status == tls_status::want_write) return want_write(true);
  if (result.status != tls_status::done) return fail(result);
  state_ = state::open;
  want_write(false);
  user_.on_channel_open();
}

void gateway_channel::read_some() {
  // The descriptor is level-triggered: what is left in the kernel is announced again.
  do {
    const tls_result result = tls_->read(read_buffer);
    if (result.status == tls_status::want_read || result.status == tls_status::want_write) return;
    if (result.status != tls_status::done) return fail(result);
    if (state_ == state::open) user_.on_channel_bytes({read_buffer.data(), result.bytes});
  } while ((state_ == state::open || state_ == state::closing) && tls_->has_pending());
}

void gateway_channel::flush() {
  while (!unsent_.empty()) {
    const tls_result result = tls_->write(unsent_.bytes());
    if (result.status == tls_status::want_write) return want_write(true);
    if (result.status == tls_status::want_read) return;
    if (result.status != tls_status::done) return fail(result);
    unsent_.consume(result.bytes);
  }
  // An idle client holds no buffer.
  unsent_.release();
  want_write(false);
}

void gateway_channel::want_write(bool wanted) {
  if (wants_write_ == wanted) return;
  wants_write_ = wanted;
  loop_.modify(fd_, wanted ? EPOLLIN | EPOLLOUT : EPOLLIN, *this);
}

void gateway_channel::fail(const tls_result& result) {
  if (result.status == tls_status::ended) return fail("closed by the gateway");
  if (result.status == tls_status::truncated) {
    return fail(state_ == state::handshaking ? "ended in the handshake" : "truncated");
  }
  const std::string error = tls_->last_error();
  fail(error);
}

void gateway_channel::fail(std::string_view reason) {
  abandon();
  user_.on_channel_closed(reason);
}

}  // namespace presenter::bench
