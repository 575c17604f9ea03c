#include "gateway/client/tls_channel.hpp"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "gateway/client/tls_context.hpp"

namespace presenter::gateway {

// OpenSSL's view of a channel: a source and sink of records.
struct channel_bio {
  static tls_channel& of(BIO* bio) { return *static_cast<tls_channel*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, int size) {
    BIO_clear_retry_flags(bio);
    return of(bio).bio_read(into, size);
  }

  static int write(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    return of(bio).bio_write(bytes, size);
  }

  static long control(BIO* bio, int command, long, void*) {
    switch (command) {
      case BIO_CTRL_FLUSH:
        return 1;
      case BIO_CTRL_EOF:
        return of(bio).saw_end_ ? 1 : 0;
      default:
        return 0;
    }
  }

  static BIO_METHOD* method() {
    static BIO_METHOD* const shared = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "client");
      BIO_meth_set_read(made, read);
      BIO_meth_set_write(made, write);
      BIO_meth_set_ctrl(made, control);
      return made;
    }();
    return shared;
  }
};

tls_channel::tls_channel(SSL_CTX* context, int descriptor, receive_buffer& shared)
    : ssl_(SSL_new(context)),
      bio_(BIO_new(channel_bio::method())),
      shared_(shared),
      descriptor_(descriptor) {
  if (!ssl_ || bio_ == nullptr) {
    BIO_free(bio_);
    throw std::bad_alloc();
  }
  BIO_set_data(bio_, this);
  BIO_set_init(bio_, 1);
  SSL_set_bio(ssl_.get(), bio_, bio_);
  SSL_set_accept_state(ssl_.get());
}

tls_channel::~tls_channel() {
  shared_.forget(*this);
}

std::span<std::byte> receive_buffer::lend_to(tls_channel& channel) {
  if (holder_ != nullptr && holder_ != &channel) holder_->park();
  holder_ = &channel;
  return {bytes_.get(), bytes_max};
}

void receive_buffer::forget(const tls_channel& channel) {
  if (holder_ == &channel) holder_ = nullptr;
}

void tls_channel::mark_readable(bool half_closed) {
  socket_empty_ = false;
  half_closed_ = half_closed_ || half_closed;
}

int tls_channel::bio_read(char* into, int size) {
  if (input_.empty()) {
    if (socket_empty_) {
      BIO_set_retry_read(bio_);
      return -1;
    }
    const std::span<std::byte> storage = shared_.lend_to(*this);
    const ssize_t n = ::recv(descriptor_, storage.data(), storage.size(), 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
      socket_empty_ = errno == EAGAIN;
      BIO_set_retry_read(bio_);
      return -1;
    }
    if (n <= 0) {
      // A reset is told once, here or to a send; recv finds an end behind it.
      saw_end_ = n == 0 && !send_failed_;
      return static_cast<int>(n);
    }
    input_ = storage.first(static_cast<std::size_t>(n));
    // A short read took everything, and more makes a new edge. Behind a FIN there is no further
    // edge.
    socket_empty_ = input_.size() < storage.size() && !half_closed_;
  }
  const std::size_t n = std::min(input_.size(), static_cast<std::size_t>(size));
  std::memcpy(into, input_.data(), n);
  input_ = input_.subspan(n);
  if (input_.empty()) parked_.release();  // an idle client holds no buffer
  return static_cast<int>(n);
}

int tls_channel::bio_write(const char* bytes, int size) {
  if (!socket_full_) {
    const ssize_t n = ::send(descriptor_, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (n >= 0) return static_cast<int>(n);
    if (errno != EAGAIN && errno != EINTR) {
      send_failed_ = true;
      return -1;
    }
    socket_full_ = errno == EAGAIN;
  }
  BIO_set_retry_write(bio_);
  return -1;
}

tls_status tls_channel::status_of(int result) {
  switch (SSL_get_error(ssl_.get(), result)) {
    case SSL_ERROR_NONE:
      return tls_status::ok;
    case SSL_ERROR_WANT_READ:
      return tls_status::want_read;
    case SSL_ERROR_WANT_WRITE:
      return tls_status::want_write;
    case SSL_ERROR_ZERO_RETURN:
      return tls_status::finished;
    case SSL_ERROR_SYSCALL:
      return saw_end_ ? tls_status::truncated : tls_status::reset;
    default:
      // OpenSSL 3 reports the end of the TCP stream as an error of the protocol.
      return saw_end_ ? tls_status::truncated : tls_status::violation;
  }
}

tls_status tls_channel::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(ssl_.get());
  return result == 1 ? tls_status::ok : status_of(result);
}

tls_result tls_channel::read(std::span<std::byte> into) {
  ERR_clear_error();
  std::size_t n = 0;
  const int result = SSL_read_ex(ssl_.get(), into.data(), into.size(), &n);
  if (result == 1) return {tls_status::ok, n};
  return {status_of(result), 0};
}

tls_result tls_channel::write(std::span<const std::byte> bytes) {
  ERR_clear_error();
  std::size_t n = 0;
  const int result = SSL_write_ex(ssl_.get(), bytes.data(), bytes.size(), &n);
  if (result == 1) return {tls_status::ok, n};
  return {status_of(result), 0};
}

tls_status tls_channel::finish() {
  ERR_clear_error();
  // 0: ours is sent, the peer's has not come. That is all that is asked here.
  const int result = SSL_shutdown(ssl_.get());
  return result >= 0 ? tls_status::ok : status_of(result);
}

void tls_channel::park() {
  if (input_.empty() || !parked_.empty()) return;  // nothing left, or its own already
  parked_.append(input_);
  input_ = parked_.bytes();
}

bool tls_channel::has_input() const {
  return !input_.empty() || !socket_empty_ || SSL_has_pending(ssl_.get()) == 1;
}

bool tls_channel::is_resumed() const {
  return SSL_session_reused(ssl_.get()) == 1;
}

protocol::tls_facts tls_channel::facts() const {
  const SSL* ssl = ssl_.get();
  protocol::tls_facts facts;
  facts.version = SSL_get_version(ssl);
  facts.suite = SSL_CIPHER_standard_name(SSL_get_current_cipher(ssl));
  if (const char* name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name))
    facts.server_name = name;
  const unsigned char* alpn = nullptr;
  unsigned int alpn_size = 0;
  SSL_get0_alpn_selected(ssl, &alpn, &alpn_size);
  if (alpn != nullptr) facts.alpn.assign(reinterpret_cast<const char*>(alpn), alpn_size);
  facts.resumed = SSL_session_reused(ssl_.get()) == 1;
  return facts;
}

}  // namespace presenter::gateway
