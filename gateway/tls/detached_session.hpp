// A client's TLS session without OpenSSL's object: detached records on the client's socket.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>

#include "base/byte_buffer.hpp"
#include "gateway/tls/client_socket.hpp"
#include "gateway/tls/records/tls_records.hpp"
#include "gateway/tls/tls_channel_state.hpp"
#include "gateway/tls/tls_status.hpp"
#include "gateway/tls/turn_share.hpp"

namespace presenter::gateway {

// What the TLS sessions of a worker share. Life: the worker's; outlives its clients.
struct tls_io {
  // One write's worth of plaintext, two full records: one send for all of it.
  static constexpr std::size_t write_bytes_max = 2 * tls_limits::content_bytes_max;
  // In the smallest records that can be agreed on.
  static constexpr std::size_t sealed_bytes_max =
      write_bytes_max + write_bytes_max / tls_limits::fragment_bytes_min * tls_overhead_bytes_max +
      3 * (tls_overhead_bytes_max + tls_records::key_update_bytes);

  receive_buffer received;
  turn_share share;           // of the client that has its turn
  std::uint32_t seconds = 0;  // since whenever, at its beginning
  tls_record_crypto crypto;
  std::unique_ptr<std::byte[]> sealed =
      std::make_unique_for_overwrite<std::byte[]>(sealed_bytes_max);
  std::int64_t openssl_sessions = 0;  // OpenSSL's objects there are now, for showing
};

// Life: the TLS channel's, from the end of the handshake. Confined to: the worker's thread.
// Bounds: records that wait for the socket ≤ tls_io::sealed_bytes_max, and an alert.
class detached_session {
 public:
  explicit detached_session(tls_io& io) : io_(io) {}
  ~detached_session() { records_.close(io_.crypto); }
  detached_session(const detached_session&) = delete;
  detached_session& operator=(const detached_session&) = delete;

  void start(tls_records records) {
    records_ = std::move(records);
    is_started_ = true;
  }
  bool is_started() const { return is_started_; }

  // A copy of all there is, with the socket's; this session can go on all the same.
  tls_channel_state freeze(const client_socket& socket) const;
  // In place of start. state_invalid.
  boost::system::error_code adopt(tls_channel_state& state, client_socket& socket);

  // Again: io.share is used up.
  tls_result read(std::span<std::byte> into, client_socket& socket);
  // After want_write the next call must offer the same bytes first: their records are waiting.
  tls_result write(std::span<const std::byte> bytes, client_socket& socket);
  // close_notify, unless an alert has ended this direction: ok once it is on its way.
  tls_status finish(client_socket& socket);
  // No clean end: this alert instead, behind what waits, if none has ended this direction yet.
  void abort(tls_alert alert, client_socket& socket) { send_alert(alert, socket); }
  bool has_input(const client_socket& socket) const;
  std::optional<tls_errc> failure() const { return records_.failure(); }

 private:
  // Opens one record, or receives. With ok `n` may be 0: go on.
  void forgive();
  tls_result next_record(std::span<std::byte> into, client_socket& socket);
  std::size_t take_plaintext(std::span<std::byte> into, client_socket& socket);
  void refuse_hello(client_socket& socket);
  void send_alert(tls_alert alert, client_socket& socket);
  void send_end_alert(tls_status status, client_socket& socket);
  tls_status flush(client_socket& socket);
  tls_status send(std::span<const std::byte> records, client_socket& socket);
  std::span<std::byte> room() const { return {io_.sealed.get(), tls_io::sealed_bytes_max}; }

  tls_io& io_;
  tls_records records_;
  byte_buffer unsent_;                   // records that wait for the socket
  std::uint32_t plaintext_waiting_ = 0;  // what they say: of a write that is not done
  std::uint32_t plaintext_ = 0;          // opened already, at the front of the socket's input
  std::uint32_t forgiven_at_ = 0;        // tls_io::seconds of the last record
  bool is_partial_ = false;              // the input is less than a record
  bool is_started_ = false;
};

// Each idle client has one: of it 144 bytes are the TLS state, the rest is what a turn needs to go
// on where the last one stopped. See client_session.hpp for the whole.
static_assert(sizeof(detached_session) == 200);

}  // namespace presenter::gateway
