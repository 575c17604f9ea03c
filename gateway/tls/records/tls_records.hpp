// Detached records: the record layer of one TLS 1.3 or 1.2 client after its handshake, without
// OpenSSL's SSL object. Bytes of the client in, data and events out; data in, records out.
// Sans-I/O: it knows no socket and holds no buffer.
//
// Received bytes lie in the caller's buffer and are opened in place there, one record a call; the
// caller keeps what was not taken. KeyUpdates are answered, and made when they are due, by seal().
#pragma once

#include <array>
#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <type_traits>

#include "gateway/tls/records/tls_errc.hpp"
#include "gateway/tls/records/tls_record_crypto.hpp"

namespace presenter::gateway {

namespace tls_limits {
// RFC 8446 §5.1, §5.2, §5.4.
inline constexpr std::size_t content_bytes_max = 1 << 14;
inline constexpr std::size_t length_max = content_bytes_max + 256;
inline constexpr std::size_t record_bytes_max = tls_header_bytes + length_max;
// A KeyUpdate is made before more records than this go out under one key. RFC 8446 §5.5 allows
// AES-GCM 2^24.5; ChaCha20 has no limit, and no need for one of its own.
inline constexpr std::uint64_t records_per_key_max = std::uint64_t{1} << 24;
// In a row, but for those that are forgiven: empty ones, KeyUpdates, fragments of one,
// user_canceled; of TLS 1.2 also hellos that ask for another handshake, and warnings. Each costs us
// a decryption and the client next to nothing. OpenSSL allows as many.
inline constexpr unsigned records_without_data_max = 32;
// RFC 6066 §4: 2^9 … 2^12 bytes.
inline constexpr std::uint8_t fragment_code_max = 4;
inline constexpr std::size_t fragment_bytes_min = 1 << 9;
}  // namespace tls_limits

// All there is of a client's records. No pointers and a fixed layout in the machine's byte order,
// so that another process of this machine can go on with it. Holds secrets: wipe it.
struct tls_record_state {
  static constexpr std::uint8_t version_now = 1;

  std::uint8_t version;        // of this layout; 0: nothing is here
  std::uint8_t suite;          // low byte of the suite's number
  std::uint8_t flags;          // tls_records' own
  std::uint8_t message_bytes;  // of an unfinished KeyUpdate: 0 … 4; TLS 1.2: 1 inside a hello
  std::uint8_t without_data;   // records in a row that brought none and are not forgiven
  std::uint8_t failure;        // tls_errc of the client's direction, or 0
  std::uint8_t client_alert;   // with alert_received: which
  std::uint8_t fragment;       // tls_detached::fragment
  std::uint64_t received;      // records under read_keys
  std::uint64_t sent;          // records under write_keys
  tls_record_keys read_keys;
  tls_record_keys write_keys;

  void wipe();
};
static_assert(sizeof(tls_record_state) == 144 && std::is_trivially_copyable_v<tls_record_state> &&
              std::is_standard_layout_v<tls_record_state>);

// What a handshake leaves behind.
struct tls_detached {
  tls_suite suite;
  // secret_bytes() of the peer's direction and of ours.
  std::span<const std::byte> read_secret;
  std::span<const std::byte> write_secret;
  std::uint64_t received = 0;  // records so far under the first: Finished in TLS 1.2
  std::uint64_t sent = 0;      // … under the second: in TLS 1.3 every session ticket is one
  // max_fragment_length as the client and we agreed on it, by its number in RFC 6066 §4; 0: 2^14.
  std::uint8_t fragment = 0;
};

enum class tls_event : std::uint8_t {
  need_more,     // nothing was taken: `wanted` more bytes make the header, or the record, whole
  plaintext,     // application data, 1 … 2^14 bytes
  nothing,       // a record that leaves nothing to do; or anything that follows close_notify
  key_update,    // the client's keys have changed
  hello,         // TLS 1.2: the client asks for another handshake; say no_renegotiation
  close_notify,  // a clean end of the client's direction
};

struct tls_opened {
  tls_event event = tls_event::need_more;
  std::size_t taken = 0;  // bytes at the front of the input that are done with
  std::size_t wanted = 0;
  std::span<std::byte> plaintext;  // inside what was taken
};

// Life: the client's TLS channel; moved, never copied; wiped when it dies or is moved from.
// Confined to: the worker's thread, as its tls_record_crypto.
// Bounds: 144 bytes; a record is refused by its header if it is above tls_limits::length_max.
// See: RFC 8446 §5, §4.6.3, §6; RFC 5246 §6.2, §7.2; gateway/tls/README.md, What a handshake
// agrees.
class tls_records {
 public:
  tls_records() : state_{} {}
  ~tls_records() { wipe(); }
  tls_records(tls_records&& other) noexcept : state_(other.state_) { other.wipe(); }
  tls_records& operator=(tls_records&& other) noexcept;

  // suite_unsupported: a secret is not as long as the suite's. state_invalid: no such fragment
  // length. crypto_failed.
  static boost::system::result<tls_records> start(const tls_detached& handshake,
                                                  tls_record_crypto& crypto);
  // Goes on with what `release` gave, in whichever process; the caller wipes `state`.
  // state_invalid.
  static boost::system::result<tls_records> adopt(const tls_record_state& state);
  // Leaves nothing behind. The caller wipes what it gets.
  tls_record_state release();
  // For a process that may go on with it, if this one does not. Who copies it wipes the copy.
  const tls_record_state& state() const { return state_; }

  // Takes one record off the front of `input`, or asks for more. An error ends the client: it is
  // given again by every further call, and alert_of() says what to send. After close_notify all
  // input is taken and ignored.
  boost::system::result<tls_opened> open(std::span<std::byte> input, tls_record_crypto& crypto);

  // With alert_received: its description, of which the names of tls_alert are only some.
  std::uint8_t client_alert() const { return state_.client_alert; }

  // Time has passed, so this many records without data are forgotten: a client that changes its
  // keys every hour does not flood us.
  void forgive(std::uint64_t records);

  // What seal() will write for so much plaintext now: its records, and the KeyUpdates due among
  // them.
  std::size_t sealed_bytes(std::size_t plaintext_bytes) const;

  // Writes records of all of `plaintext` to the front of `into`, which must not overlap it, and
  // returns how many bytes: sealed_bytes(plaintext.size()). No plaintext, no record.
  // write_closed, output_short: nothing was written. crypto_failed: nothing is to be sent.
  boost::system::result<std::size_t> seal(std::span<const std::byte> plaintext,
                                          std::span<std::byte> into, tls_record_crypto& crypto);

  static constexpr std::size_t alert_bytes_max = tls_overhead_bytes_max + 2;
  static constexpr std::size_t key_update_bytes = tls13_overhead_bytes + 5;

  // One record of at most alert_bytes_max, which `into` has. After it this direction is closed, but
  // for user_canceled and no_renegotiation. Errors as of seal().
  boost::system::result<std::size_t> seal_alert(tls_alert alert, std::span<std::byte> into,
                                                tls_record_crypto& crypto);

  // One record of key_update_bytes; `request`: the client is to change its keys as well. Never
  // needed, for seal() does by itself what has to be done. Errors as of seal(); suite_unsupported:
  // TLS 1.2 has none.
  boost::system::result<std::size_t> seal_key_update(bool request, std::span<std::byte> into,
                                                     tls_record_crypto& crypto);

  // What the client did wrong, which has ended its direction.
  std::optional<tls_errc> failure() const {
    if (state_.failure == 0) return std::nullopt;
    return static_cast<tls_errc>(state_.failure);
  }

  bool is_write_closed() const { return (state_.flags & write_closed) != 0; }
  bool is_read_closed() const { return (state_.flags & read_closed) != 0; }

  // Wipes the cipher contexts as well, where they still hold this client's keys; then wipe().
  void close(tls_record_crypto& crypto);
  // No secret is left; nothing can be opened or sealed any more.
  void wipe() { state_.wipe(); }

 private:
  enum flag : std::uint8_t {
    read_closed = 1,   // the client's close_notify has come
    write_closed = 2,  // our close_notify or either side's error alert has gone out, or sealing
                       // has failed
    answer_due = 4,    // the client asked for a KeyUpdate
  };
  static constexpr std::uint8_t flags_known = read_closed | write_closed | answer_due;

  static constexpr std::uint16_t number_of(std::uint8_t low) {
    return static_cast<std::uint16_t>((low < 0x10 ? 0x1300 : 0x1200) | low);
  }
  tls_suite suite() const { return static_cast<tls_suite>(number_of(state_.suite)); }
  // The most that the content of a record may have, in either direction: a power of two.
  unsigned fragment_bits() const { return state_.fragment == 0 ? 14 : 8U + state_.fragment; }
  std::size_t fragment_bytes_max() const { return std::size_t{1} << fragment_bits(); }

  boost::system::result<tls_opened> open_record(std::span<std::byte> input,
                                                tls_record_crypto& crypto);
  boost::system::error_code header_error(std::span<const std::byte> header) const;
  boost::system::result<tls_opened> on_inner(std::span<std::byte> inner, std::size_t taken,
                                             tls_record_crypto& crypto);
  boost::system::result<tls_opened> on_content(tls_content type, std::span<std::byte> content,
                                               std::size_t taken, tls_record_crypto& crypto);
  boost::system::result<tls_event> on_handshake(std::span<const std::byte> content,
                                                tls_record_crypto& crypto);
  boost::system::result<tls_event> on_hello(std::span<const std::byte> content);
  boost::system::result<tls_event> on_alert(std::span<const std::byte> content);
  tls_errc on_error_alert(std::byte description);
  boost::system::result<tls_event> on_key_update(std::byte request, tls_record_crypto& crypto);

  bool is_key_update_due() const;
  boost::system::error_code can_seal(std::span<std::byte> into, std::size_t bytes) const;
  // Bytes written; 0: OpenSSL failed, and this direction is closed.
  std::size_t put(tls_content type, std::span<const std::byte> content, std::span<std::byte> into,
                  tls_record_crypto& crypto);
  std::size_t put_key_update(bool request, std::span<std::byte> into, tls_record_crypto& crypto);

  tls_record_state state_;
};

}  // namespace presenter::gateway
