#include "gateway/tls/tls_channel.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

#include "gateway/tls/certificates/openssl_handles.hpp"

namespace presenter::gateway {

tls_status tls_channel::handshake() {
  if (!openssl_) {
    openssl_ = std::make_unique<openssl_session>(contexts_, socket_, io_.share);
    ++io_.openssl_sessions;
  }
  return openssl_->handshake(early_);
}

bool tls_channel::detach() {
  auto records = openssl_->detach(io_.crypto);
  if (!records) return false;
  detached_.start(std::move(*records));
  drop_openssl();
  return true;
}

tls_channel_state tls_channel::freeze() const {
  tls_channel_state state = detached_.freeze(socket_);
  if (early_ != nullptr) state.early.append(early_->bytes());
  return state;
}

boost::system::error_code tls_channel::adopt(tls_channel_state state) {
  if (!state.early.empty()) early_ = std::make_unique<byte_buffer>(std::move(state.early));
  return detached_.adopt(state, socket_);
}

std::size_t tls_channel::read_early(std::span<std::byte> into) {
  if (early_ == nullptr) return 0;
  const std::size_t n = std::min(into.size(), early_->size());
  std::memcpy(into.data(), early_->bytes().data(), n);
  early_->consume(n);
  if (early_->empty()) early_.reset();
  return n;
}

std::string tls_channel::violation() const {
  const auto failure = detached_.failure();
  return failure ? std::string(name_of(*failure)) : take_openssl_error();
}

void tls_channel::drop_openssl() {
  if (openssl_) --io_.openssl_sessions;
  openssl_.reset();
}

tls_result tls_channel::read(std::span<std::byte> into) {
  if (const std::size_t n = read_early(into); n != 0) return {tls_status::ok, n};
  return is_detached() ? detached_.read(into, socket_) : openssl_->read(into);
}

tls_result tls_channel::write(std::span<const std::byte> bytes) {
  return is_detached() ? detached_.write(bytes, socket_) : openssl_->write(bytes);
}

tls_status tls_channel::finish() {
  return is_detached() ? detached_.finish(socket_) : openssl_->finish();
}

// The gateway's or its backend's doing, not the client's. RFC 8446 §6.2.
void tls_channel::abort() {
  if (is_detached()) return detached_.abort(tls_alert::internal_error, socket_);
  if (openssl_) openssl_->abandon();
}

bool tls_channel::has_input() const {
  if (early_ != nullptr) return true;
  return is_detached() ? detached_.has_input(socket_) : openssl_->has_input();
}

}  // namespace presenter::gateway
