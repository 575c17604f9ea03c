#include "gateway/client/tls_channel.hpp"

#include <utility>

namespace presenter::gateway {

tls_status tls_channel::handshake() {
  if (!openssl_) openssl_ = std::make_unique<openssl_session>(context_, socket_);
  return openssl_->handshake();
}

bool tls_channel::detach() {
  auto records = openssl_->detach(io_.crypto);
  if (!records) return false;
  detached_.start(std::move(*records));
  openssl_.reset();
  return true;
}

tls_result tls_channel::read(std::span<std::byte> into) {
  return is_detached() ? detached_.read(into, socket_) : openssl_->read(into);
}

tls_result tls_channel::write(std::span<const std::byte> bytes) {
  return is_detached() ? detached_.write(bytes, socket_) : openssl_->write(bytes);
}

tls_status tls_channel::finish() {
  return is_detached() ? detached_.finish(socket_) : openssl_->finish();
}

bool tls_channel::has_input() const {
  return is_detached() ? detached_.has_input(socket_) : openssl_->has_input();
}

}  // namespace presenter::gateway
