// The TLS session of one client on its descriptor, without waiting: every call does what can be
// done now. OpenSSL shakes hands; after that the records of a TLS 1.3 client are detached, and
// OpenSSL's object, some 14 KiB, is gone. It knows nothing of packets, streams or deadlines.
// See: gateway/tls/README.md, Detached records.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "gateway/tls/client_socket.hpp"
#include "gateway/tls/detached_session.hpp"
#include "gateway/tls/openssl_session.hpp"
#include "gateway/tls/tls_status.hpp"

namespace presenter::gateway {

// Life: the client session's. Confined to: the worker's thread.
// Bounds: client_socket's and detached_session's; until detached also OpenSSL's object.
class tls_channel {
 public:
  // `descriptor` is non-blocking and stays the caller's; `contexts` and `io` outlive this. The
  // contexts are those of the handshake's begin.
  tls_channel(const tls_contexts_ptr& contexts, int descriptor, tls_io& io)
      : contexts_(contexts), io_(io), socket_(descriptor, io.received), detached_(io) {}
  ~tls_channel() { drop_openssl(); }
  tls_channel(const tls_channel&) = delete;
  tls_channel& operator=(const tls_channel&) = delete;

  // This client has its turn now, by the worker's clock: what `handshake` and `read` may cost until
  // they give again.
  void begin_turn(std::chrono::steady_clock::time_point now) {
    io_.share.refill();
    io_.seconds = static_cast<std::uint32_t>(
        std::chrono::duration_cast<std::chrono::seconds>(now.time_since_epoch()).count());
  }
  // From the poller: there may be input, there may be room for output. `half_closed`: the peer's
  // FIN has come.
  void mark_readable(bool half_closed) { socket_.mark_readable(half_closed); }
  void mark_writable() { socket_.mark_writable(); }
  // Output waits for the socket.
  bool is_full() const { return socket_.is_full(); }

  // Until it is ok. Then facts() and is_resumed(), and then detach(). Throws std::bad_alloc: it is
  // the first call that takes memory for OpenSSL.
  tls_status handshake();
  bool has_begun() const { return openssl_ != nullptr; }
  protocol::tls_facts facts() const { return openssl_->facts(); }
  bool is_resumed() const { return openssl_->is_resumed(); }
  bool is_resumed_elsewhere() const { return openssl_->is_resumed_elsewhere(); }
  // False: OpenSSL keeps this client's records.
  bool detach();

  // Before the handshake has ended. Once early data was accepted, `read_early` gives what has come
  // of it (0: nothing now), `write` sends what the client can read as soon as it has the server's
  // part of the handshake, and `facts` are there. What is not read so is read first by `read`.
  bool has_early_data() const { return has_begun() && openssl_->has_early_data(); }
  bool has_refused_early_data() const { return openssl_->has_refused_early_data(); }
  bool is_early_data_counted() const { return openssl_->is_early_data_counted(); }
  std::size_t read_early(std::span<std::byte> into);
  // `write` wants to be repeated before `handshake` may go on.
  bool is_write_pending() const { return openssl_ != nullptr && openssl_->is_write_pending(); }

  bool is_detached() const { return detached_.is_started(); }

  // A copy of all there is, for a process that is handed the descriptor; this one can go on all the
  // same. Requires is_detached().
  tls_channel_state freeze() const;
  // In place of a handshake, with what another process has frozen. state_invalid.
  boost::system::error_code adopt(tls_channel_state state);

  tls_result read(std::span<std::byte> into);
  // After want_write the next call must offer the same bytes first.
  tls_result write(std::span<const std::byte> bytes);
  // Sends close_notify, or what waits of the alert that has ended the session: ok once it is on its
  // way.
  tls_status finish();
  // No clean end: instead of close_notify `finish` sends an error alert, where that is possible.
  void abort();
  // After tls_status::violation: its name, or OpenSSL's words, which are told once.
  std::string violation() const;
  // There is input that needs no further readiness to be read.
  bool has_input() const;

 private:
  void drop_openssl();

  const tls_contexts_ptr& contexts_;
  tls_io& io_;
  client_socket socket_;
  std::unique_ptr<openssl_session> openssl_;  // from the handshake's begin until detached
  detached_session detached_;                 // from then on
  std::unique_ptr<byte_buffer> early_;        // early data that nobody has read
};

}  // namespace presenter::gateway
