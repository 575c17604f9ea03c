// OpenSSL's part of a client: its SSL object on the client's socket. Every client's handshake, and
// all the rest of those whose records cannot be detached or are not to be.
//
// What the socket does not take waits here, not in OpenSSL: OpenSSL cannot have two records under
// way, and ends the session if a KeyUpdate wants an answer while data waits.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "base/byte_buffer.hpp"
#include "gateway/tls/client_socket.hpp"
#include "gateway/tls/records/tls_records.hpp"
#include "gateway/tls/records/tls_traffic_secrets.hpp"
#include "gateway/tls/tickets/early_data_guard.hpp"
#include "gateway/tls/tickets/ticket_sealer.hpp"
#include "gateway/tls/tls_context.hpp"
#include "gateway/tls/tls_status.hpp"
#include "gateway/tls/turn_share.hpp"
#include "protocol/wire/mux_frame.hpp"

namespace presenter::gateway {

struct ssl_deleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

// Life: the TLS channel's, which frees it when the records are detached; the socket outlives it.
// Confined to: the worker's thread. Bounds: hello_bytes_max; unsent_bytes_max, a record and what a
// turn of reading makes OpenSSL answer.
class openssl_session {
 public:
  // Of a ClientHello with its records, or it is answered with illegal_parameter: it may be well
  // formed, so decode_error would be wrong, and that is what OpenSSL says above its own limit.
  // OpenSSL takes 128 KiB, keeps half as much again, and tries as many tickets as are in it before
  // it has asked for anything: 1 ms. Those of today's clients are 2 KiB at the most, with key
  // shares against quantum computers. One that follows a HelloRetryRequest has its own 16 KiB.
  static constexpr std::size_t hello_bytes_max = 16 * 1'024;
  // What waits for the socket, or nothing more is read: answers to KeyUpdates and refusals to
  // renegotiate, of a client that does not read them.
  static constexpr std::size_t unsent_bytes_max = 32 * 1'024;

  // Throws std::bad_alloc.
  openssl_session(tls_contexts_ptr contexts, client_socket& socket, turn_share& share);
  openssl_session(const openssl_session&) = delete;
  openssl_session& operator=(const openssl_session&) = delete;

  // So that `detach` finds what it needs: secrets and numbers of records, as they come. Once for
  // each context.
  static void watch_handshakes(SSL_CTX* context);

  // `handshake` and `read` give again when the share is used up.
  // Early data is put behind `early`, as it comes; none if the context takes none.
  tls_status handshake(std::unique_ptr<byte_buffer>& early);
  tls_result read(std::span<std::byte> into);
  // After want_write the next call must offer the same bytes first.
  tls_result write(std::span<const std::byte> bytes);
  // close_notify, or after a failure what waits of its alert. Then nothing may be written.
  tls_status finish();
  // No clean end: `finish` says no close_notify, and OpenSSL has no call for another alert.
  void abandon() { is_finished_ = true; }
  bool has_input() const;

  // --- before the handshake has ended

  // The client sent early data, and it was accepted: it may be answered at once, by `write`.
  bool has_early_data() const;
  // It sent some, and it was refused: by a guard, by TLS itself.
  bool has_refused_early_data() const;
  bool is_early_data_counted() const { return early_data_guard::has_refused(ssl_.get()); }
  // A write has to be repeated before the handshake can go on.
  bool is_write_pending() const { return plaintext_waiting_ != 0; }

  // After the handshake.
  protocol::tls_facts facts() const;
  bool is_resumed() const { return SSL_session_reused(ssl_.get()) == 1; }
  // With a ticket of another gateway.
  bool is_resumed_elsewhere() const {
    return is_resumed() && ticket_sealer::is_from_elsewhere(ssl_.get());
  }

  // After the handshake: what goes on without this object, which is of no more use then. Nothing
  // for suites of TLS 1.2 without an AEAD, for a context that is not watched, and if anything is
  // odd.
  std::optional<tls_records> detach(tls_record_crypto& crypto);

 private:
  friend struct session_bio;
  tls_status read_early_data(std::unique_ptr<byte_buffer>& early);
  int bio_read(char* into, int size);
  int bio_write(const char* bytes, int size);
  socket_status put(std::span<const std::byte> records);
  tls_status flush();
  tls_status shake_hands(std::unique_ptr<byte_buffer>& early);
  tls_status status_of(int result);
  static openssl_session& of(const SSL* ssl);
  bool takes_hello(std::size_t bytes);
  void refuse_hello();
  void hear_secrets(bool hear);
  void count_record12(bool is_write, const void* header);
  void keep_last_written(std::span<const std::byte> records);
  std::span<const std::byte> nonce_of_finished() const;
  std::optional<tls_records> detach12(tls_suite suite, tls_record_crypto& crypto) const;
  std::optional<tls_records> detach_with(tls_suite suite, std::span<const std::byte> client,
                                         std::span<const std::byte> server,
                                         tls_record_crypto& crypto) const;
  static void on_key_line(const SSL* ssl, const char* line);
  static void on_message(int is_write, int version, int type, const void* bytes, std::size_t size,
                         SSL* ssl, void* argument);

  const tls_contexts_ptr contexts_;  // of which ssl_ has callbacks
  std::unique_ptr<SSL, ssl_deleter> ssl_;
  BIO* bio_;  // owned by ssl_
  client_socket& socket_;
  turn_share& share_;
  tls_traffic_secrets secrets_;
  byte_buffer unsent_;                 // records that wait for the socket
  std::size_t plaintext_waiting_ = 0;  // what they say: of a write that is not done
  std::size_t hello_bytes_ = 0;        // of the ClientHello that comes
  std::uint64_t received_ = 0;         // records under the client's secret that is in use now
  std::uint64_t sent_ = 0;             // … under ours: Finished, or tickets
  // What the last bytes were that OpenSSL wrote to shake hands: as long as the Finished of a
  // TLS 1.2 suite that has a nonce in its records.
  static constexpr std::size_t finished_bytes = tls_overhead_bytes_max + 16;
  std::array<std::byte, finished_bytes> last_written_{};
  bool has_seen_end_ = false;  // the peer's FIN, and not because of a reset
  bool is_held_up_ = false;    // OpenSSL would have read more, but for its share
  bool is_reading_early_;      // the context takes early data, and its end has not come
  bool is_shaking_hands_ = true;
  bool has_received_change12_ = false;  // change_cipher_spec of TLS 1.2
  bool has_sent_change12_ = false;
  bool has_sent_finished_ = false;  // of a watched handshake
  bool is_finished_ = false;        // OpenSSL has nothing more to say: close_notify, or a failure
};

}  // namespace presenter::gateway
