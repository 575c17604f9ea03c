// The TLS session of one client on its descriptor, without waiting: every call does what can be
// done now.
//
// Input: one recv into a buffer that all clients of the worker share, from which OpenSSL takes what
// it needs; what it did not need yet is kept. Output: one send per record. It knows nothing of
// packets, streams or deadlines.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "protocol/wire/byte_buffer.hpp"
#include "protocol/wire/mux_frame.hpp"

namespace presenter::gateway {

enum class tls_status : std::uint8_t {
  ok,
  want_read,   // nothing to be had until the socket is readable
  want_write,  // the socket is full
  finished,    // the peer's close_notify: a clean end of its direction
  truncated,   // the peer's TCP ended without one
  reset,       // the socket failed
  violation,   // the peer broke TLS; the alert has been sent if the socket took it
};

struct tls_result {
  tls_status status = tls_status::ok;
  std::size_t n = 0;  // with ok: 1 or more
};

struct ssl_deleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

class tls_channel;

// Where recv puts what it reads, shared by the channels of a worker. A channel that has not used up
// what it received keeps a copy of the rest when another one receives.
class receive_buffer {
 public:
  static constexpr std::size_t bytes_max = 64 * 1'024;

  std::span<std::byte> lend_to(tls_channel& channel);
  void forget(const tls_channel& channel);

 private:
  std::unique_ptr<std::byte[]> bytes_ = std::make_unique_for_overwrite<std::byte[]>(bytes_max);
  tls_channel* holder_ = nullptr;
};

// Life: the client session's. Confined to: the worker's thread.
// Bounds: parked input ≤ receive_buffer::bytes_max, and only while its client is not being read.
class tls_channel {
 public:
  // `descriptor` is non-blocking and stays the caller's.
  tls_channel(SSL_CTX* context, int descriptor, receive_buffer& shared);
  ~tls_channel();
  tls_channel(const tls_channel&) = delete;
  tls_channel& operator=(const tls_channel&) = delete;

  // From the poller: there may be input, there may be room for output. `half_closed`: the peer's
  // FIN has come.
  void mark_readable(bool half_closed);
  void mark_writable() { socket_full_ = false; }
  // Output waits for the socket.
  bool is_full() const { return socket_full_; }

  tls_status handshake();
  tls_result read(std::span<std::byte> into);

  // After want_write the next call must offer the same bytes first.
  tls_result write(std::span<const std::byte> bytes);

  // Sends close_notify: ok once it is on its way.
  tls_status finish();

  // There is input that needs no further readiness to be read.
  bool has_input() const;

  // After the handshake.
  protocol::tls_facts facts() const;
  bool is_resumed() const;

 private:
  friend struct channel_bio;
  friend class receive_buffer;
  int bio_read(char* into, int size);
  int bio_write(const char* bytes, int size);
  tls_status status_of(int result);
  // Moves input that is still in the shared buffer into this channel's own.
  void park();

  std::unique_ptr<SSL, ssl_deleter> ssl_;
  BIO* bio_;  // owned by ssl_
  receive_buffer& shared_;
  std::span<const std::byte> input_;  // received and not yet taken: in shared_ or in parked_
  protocol::byte_buffer parked_;
  int descriptor_;
  bool socket_empty_ = false;  // the last recv took all there was: wait for the next edge
  bool socket_full_ = false;
  bool half_closed_ = false;
  bool saw_end_ = false;  // recv returned 0, and not because of a reset
  bool send_failed_ = false;
};

}  // namespace presenter::gateway
