#include "gateway/tls/records/tls_errc.hpp"

#include "base/error_table.hpp"

namespace presenter::gateway {
namespace {

struct errc_row : error_row {
  std::optional<tls_alert> alert;
};

constexpr auto silent = std::nullopt;

// One line per enumerator; no default, so that the compiler finds a missing one.
constexpr errc_row row_of(tls_errc code) {
  switch (code) {
    case tls_errc::record_oversize:
      return {{"record_oversize", "TLS record above 2^14 + 256 bytes"}, tls_alert::record_overflow};
    case tls_errc::record_type_invalid:
      return {{"record_type_invalid", "TLS record that is not encrypted"},
              tls_alert::unexpected_message};
    case tls_errc::record_forged:
      return {{"record_forged", "TLS record does not authenticate"}, tls_alert::bad_record_mac};
    case tls_errc::content_oversize:
      return {{"content_oversize", "TLS record's content above 2^14 bytes or what was agreed on"},
              tls_alert::record_overflow};
    case tls_errc::content_untyped:
      return {{"content_untyped", "TLS record of nothing but padding"},
              tls_alert::unexpected_message};
    case tls_errc::content_type_invalid:
      return {{"content_type_invalid", "TLS record of an unknown content type"},
              tls_alert::unexpected_message};
    case tls_errc::records_without_data:
      return {{"records_without_data", "too many TLS records in a row without data"},
              tls_alert::unexpected_message};
    case tls_errc::message_empty:
      return {{"message_empty", "empty TLS handshake message or alert"},
              tls_alert::unexpected_message};
    case tls_errc::message_unexpected:
      return {{"message_unexpected", "TLS handshake message other than KeyUpdate"},
              tls_alert::unexpected_message};
    case tls_errc::message_interleaved:
      return {{"message_interleaved", "TLS record inside a fragmented handshake message"},
              tls_alert::unexpected_message};
    case tls_errc::message_misaligned:
      return {{"message_misaligned", "bytes behind a KeyUpdate in its TLS record"},
              tls_alert::unexpected_message};
    case tls_errc::message_length:
      return {{"message_length", "KeyUpdate or alert of a wrong length"}, tls_alert::decode_error};
    case tls_errc::key_update_invalid:
      return {{"key_update_invalid", "KeyUpdate with an unknown request"},
              tls_alert::illegal_parameter};
    case tls_errc::alert_received:
      return {{"alert_received", "the client sent an error alert"}, silent};
    case tls_errc::crypto_failed:
      return {{"crypto_failed", "OpenSSL failed"}, tls_alert::internal_error};
    case tls_errc::sequence_exhausted:
      return {{"sequence_exhausted", "TLS sequence number exhausted"}, tls_alert::internal_error};
    case tls_errc::write_closed:
      return {{"write_closed", "the TLS direction to the client is closed"}, silent};
    case tls_errc::output_short:
      return {{"output_short", "no room for the TLS records"}, silent};
    case tls_errc::suite_unsupported:
      return {{"suite_unsupported", "TLS suite that cannot be detached"}, silent};
    case tls_errc::state_invalid:
      return {{"state_invalid", "TLS record state that is not understood"}, silent};
    case tls_errc::record_version_invalid:
      return {{"record_version_invalid", "TLS 1.2 record of another version"},
              tls_alert::protocol_version};
  }
  return {unknown_error, silent};
}

}  // namespace

const boost::system::error_category& tls_error_category() noexcept {
  static const error_table<tls_errc, errc_row> table("presenter.tls", row_of);
  return table;
}

boost::system::error_code make_error_code(tls_errc code) noexcept {
  return {static_cast<int>(code), tls_error_category()};
}

std::string_view name_of(tls_errc code) noexcept {
  return row_of(code).name;
}

std::optional<tls_alert> alert_of(tls_errc code) noexcept {
  return row_of(code).alert;
}

}  // namespace presenter::gateway
