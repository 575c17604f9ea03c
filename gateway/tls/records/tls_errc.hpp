// What can be wrong with the detached records of a client, as boost error codes, and the alert that
// RFC 8446 names for each, and RFC 5246 as well. Every one of them ends that client and nothing
// else.
#pragma once

#include <boost/system/error_code.hpp>
#include <cstdint>
#include <optional>
#include <string_view>

namespace presenter::gateway {

// RFC 8446 §6: those that are sent or told apart here. Any other that comes is an error alert.
enum class tls_alert : std::uint8_t {
  close_notify = 0,
  unexpected_message = 10,
  bad_record_mac = 20,
  record_overflow = 22,
  illegal_parameter = 47,
  decode_error = 50,
  protocol_version = 70,
  internal_error = 80,
  user_canceled = 90,
  no_renegotiation = 100,  // of TLS 1.2
};

// Kept in tls_record_state::failure, which a newer gateway may read: none gets a new meaning.
enum class tls_errc {
  // The record · client · that client.
  record_oversize = 1,   // length field above 2^14 + 256: record_overflow, §5.2
  record_type_invalid,   // not encrypted, or change_cipher_spec: unexpected_message, §5
  record_forged,         // altered, replayed, out of order or too short: bad_record_mac, §5.2
  content_oversize,      // content, type and padding above 2^14 + 1, or content above the agreed
                         // max_fragment_length: record_overflow, §5.4, RFC 6066 §4
  content_untyped,       // nothing but padding: unexpected_message, §5.4
  content_type_invalid,  // no data, handshake or alert: unexpected_message, §5
  records_without_data,  // too many in too short a time that bring no data: unexpected_message

  // The message in it · client · that client.
  message_empty,        // handshake or alert of no bytes: unexpected_message, §5.4
  message_unexpected,   // handshake message other than KeyUpdate: unexpected_message, §4
  message_interleaved,  // another record between a message's fragments: unexpected_message, §5.1
  message_misaligned,   // bytes behind a KeyUpdate in its record: unexpected_message, §5.1
  message_length,       // KeyUpdate or alert of another length: decode_error, §6.2
  key_update_invalid,   // request_update neither 0 nor 1: illegal_parameter, §4.6.3
  alert_received,       // the client's own error alert: nothing more is sent, §6.2

  // Ours · gateway · that client.
  crypto_failed,       // OpenSSL had no memory: internal_error
  sequence_exhausted,  // 2^64 − 1 records under one key of the client: internal_error, §5.3
  write_closed,        // our close_notify or error alert has gone out: nothing may follow, §6.1
  output_short,        // less room than sealed_bytes() said; nothing was written
  suite_unsupported,   // a suite, or secrets, that cannot be detached: OpenSSL keeps its records
  state_invalid,       // wiped, or handed over by a version that is not understood

  // The record · client · that client.
  record_version_invalid,  // TLS 1.2: its header has another version: protocol_version, RFC 5246
                           // §E.1
};

const boost::system::error_category& tls_error_category() noexcept;
boost::system::error_code make_error_code(tls_errc) noexcept;

// The enumerator's own name: metrics labels and logs.
std::string_view name_of(tls_errc) noexcept;

// What the client is to be sent for it; nothing if it must not or cannot be sent anything.
std::optional<tls_alert> alert_of(tls_errc) noexcept;

}  // namespace presenter::gateway

template <>
struct boost::system::is_error_code_enum<presenter::gateway::tls_errc> : std::true_type {};
