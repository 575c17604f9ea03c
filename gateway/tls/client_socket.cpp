#include "gateway/tls/client_socket.hpp"

#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace presenter::gateway {

std::span<std::byte> receive_buffer::lend_to(client_socket& socket) {
  if (holder_ != nullptr && holder_ != &socket) holder_->park();
  holder_ = &socket;
  return {bytes_.get(), bytes_max};
}

void receive_buffer::forget(const client_socket& socket) {
  if (holder_ == &socket) holder_ = nullptr;
}

void client_socket::mark_readable(bool half_closed) {
  is_drained_ = false;
  is_half_closed_ = is_half_closed_ || half_closed;
}

void client_socket::take(std::size_t n) {
  input_ = input_.subspan(n);
  if (input_.empty()) parked_.release();
}

void client_socket::park() {
  if (input_.empty() || !parked_.empty()) return;  // nothing left, or its own already
  parked_.append(input_);
  input_ = parked_.mutable_bytes();
}

void client_socket::adopt(byte_buffer input, bool has_failed) {
  parked_ = std::move(input);
  input_ = parked_.mutable_bytes();
  has_failed_ = has_failed;
  is_drained_ = true;
}

socket_status client_socket::receive() {
  if (is_drained_) return socket_status::blocked;
  const std::span<std::byte> storage = shared_.lend_to(*this);
  const std::size_t held = input_.size();
  if (held != 0) std::memmove(storage.data(), input_.data(), held);
  input_ = storage.first(held);
  parked_.release();

  const std::span<std::byte> room = storage.subspan(held);
  const ssize_t n = ::recv(descriptor_, room.data(), room.size(), 0);
  if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
    is_drained_ = errno == EAGAIN;
    return socket_status::blocked;
  }
  // A reset is told once, here or to a send; recv finds an end behind it.
  if (n <= 0) return n == 0 && !has_failed_ ? socket_status::ended : socket_status::failed;
  input_ = storage.first(held + static_cast<std::size_t>(n));
  // A short read took everything, and more makes a new edge. Behind a FIN there is no further edge.
  is_drained_ = static_cast<std::size_t>(n) < room.size() && !is_half_closed_;
  return socket_status::ok;
}

socket_status client_socket::send(std::span<const std::byte> bytes, std::size_t& sent) {
  sent = 0;
  if (is_full_) return socket_status::blocked;
  const ssize_t n = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (n >= 0) {
    sent = static_cast<std::size_t>(n);
    return socket_status::ok;
  }
  if (errno != EAGAIN && errno != EINTR) {
    has_failed_ = true;
    return socket_status::failed;
  }
  is_full_ = errno == EAGAIN;
  return socket_status::blocked;
}

}  // namespace presenter::gateway
