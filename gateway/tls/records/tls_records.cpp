#include "gateway/tls/records/tls_records.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <limits>

namespace presenter::gateway {
namespace {

using boost::system::result;

// RFC 8446 §4: type key_update (24), length 1; request_update follows.
constexpr std::array key_update_header{std::byte{24}, std::byte{0}, std::byte{0}, std::byte{1}};
constexpr std::byte update_not_requested{0};  // RFC 8446 §4.6.3
constexpr std::byte update_requested{1};
constexpr std::byte client_hello{1};  // RFC 5246 §7.4

std::size_t length_of(std::span<const std::byte> header) {
  return std::to_integer<std::size_t>(header[3]) << 8 | std::to_integer<std::size_t>(header[4]);
}

}  // namespace

void tls_record_state::wipe() {
  OPENSSL_cleanse(this, sizeof *this);
}

// --- beginning and end

result<tls_records> tls_records::start(const tls_detached& handshake, tls_record_crypto& crypto) {
  const std::size_t secret = secret_bytes(handshake.suite);
  if (handshake.read_secret.size() != secret || handshake.write_secret.size() != secret)
    return tls_errc::suite_unsupported;
  if (handshake.fragment > tls_limits::fragment_code_max) return tls_errc::state_invalid;
  tls_records made;
  tls_record_state& state = made.state_;
  state.version = tls_record_state::version_now;
  state.suite = static_cast<std::uint8_t>(handshake.suite);
  state.received = handshake.received;
  state.sent = handshake.sent;
  state.fragment = handshake.fragment;
  if (!crypto.derive(handshake.suite, handshake.read_secret, state.read_keys) ||
      !crypto.derive(handshake.suite, handshake.write_secret, state.write_keys))
    return tls_errc::crypto_failed;
  return made;
}

result<tls_records> tls_records::adopt(const tls_record_state& state) {
  const std::uint16_t suite = number_of(state.suite);
  const bool is_tls12_suite = suite >= 0x1211 && suite <= 0x1213;
  const bool is_known =
      state.version == tls_record_state::version_now &&
      (is_tls12_suite || tls_suite_of(suite).has_value()) && (state.flags & ~flags_known) == 0 &&
      state.message_bytes <= key_update_header.size() &&
      state.without_data <= tls_limits::records_without_data_max &&
      state.failure <= static_cast<std::uint8_t>(tls_errc::record_version_invalid) &&
      state.fragment <= tls_limits::fragment_code_max;
  if (!is_known) return tls_errc::state_invalid;
  tls_records made;
  made.state_ = state;
  return made;
}

tls_record_state tls_records::release() {
  const tls_record_state released = state_;
  wipe();
  return released;
}

tls_records& tls_records::operator=(tls_records&& other) noexcept {
  if (this == &other) return *this;
  state_ = other.state_;
  other.wipe();
  return *this;
}

void tls_records::close(tls_record_crypto& crypto) {
  crypto.forget(state_.read_keys);
  crypto.forget(state_.write_keys);
  wipe();
}

// --- client → gateway

result<tls_opened> tls_records::open(std::span<std::byte> input, tls_record_crypto& crypto) {
  if (state_.version == 0) return tls_errc::state_invalid;
  if (state_.failure != 0) return static_cast<tls_errc>(state_.failure);
  if (is_read_closed()) return tls_opened{tls_event::nothing, input.size(), 0, {}};  // §6.1
  const result<tls_opened> opened = open_record(input, crypto);
  if (!opened) state_.failure = static_cast<std::uint8_t>(opened.error().value());
  return opened;
}

result<tls_opened> tls_records::open_record(std::span<std::byte> input, tls_record_crypto& crypto) {
  const auto need = [&](std::size_t whole) {
    return tls_opened{tls_event::need_more, 0, whole - input.size(), {}};
  };
  if (input.size() < tls_header_bytes) return need(tls_header_bytes);
  if (const auto error = header_error(input)) return error;
  const std::size_t length = length_of(input);
  if (length > tls_limits::length_max) return tls_errc::record_oversize;
  if (length < tls_tag_bytes) return tls_errc::record_forged;
  const std::size_t whole = tls_header_bytes + length;
  if (input.size() < whole) return need(whole);

  if (state_.received == std::numeric_limits<std::uint64_t>::max())
    return tls_errc::sequence_exhausted;
  const auto inner = crypto.open(suite(), state_.read_keys, state_.received, input.first(whole));
  if (!inner) return inner.error();
  ++state_.received;
  if (!is_tls12(suite())) return on_inner(*inner, whole, crypto);
  return on_content(static_cast<tls_content>(input[0]), *inner, whole, crypto);
}

// TLS 1.3: the version is to be ignored, §5.1; alerts and change_cipher_spec in the clear end with
// the handshake, §5. TLS 1.2 has the type outside, RFC 5246 §6.2.1; it is authenticated.
boost::system::error_code tls_records::header_error(std::span<const std::byte> header) const {
  const auto type = static_cast<tls_content>(header[0]);
  if (!is_tls12(suite()))
    return type == tls_content::application_data ? boost::system::error_code()
                                                 : tls_errc::record_type_invalid;
  if (type != tls_content::application_data && type != tls_content::handshake &&
      type != tls_content::alert)
    return tls_errc::record_type_invalid;
  if (header[1] != std::byte{3} || header[2] != std::byte{3})
    return tls_errc::record_version_invalid;
  return {};
}

result<tls_opened> tls_records::on_inner(std::span<std::byte> inner, std::size_t taken,
                                         tls_record_crypto& crypto) {
  if (inner.size() > tls_limits::content_bytes_max + 1) return tls_errc::content_oversize;
  std::size_t end = inner.size();
  while (end != 0 && inner[end - 1] == std::byte{0})
    --end;
  if (end == 0) return tls_errc::content_untyped;
  return on_content(static_cast<tls_content>(inner[end - 1]), inner.first(end - 1), taken, crypto);
}

result<tls_opened> tls_records::on_content(tls_content type, std::span<std::byte> content,
                                           std::size_t taken, tls_record_crypto& crypto) {
  // Without its padding, as OpenSSL has it: there are clients that pad behind a full fragment.
  if (content.size() > fragment_bytes_max()) return tls_errc::content_oversize;
  if (state_.message_bytes != 0 && type != tls_content::handshake) {
    if (!is_tls12(suite())) return tls_errc::message_interleaved;
    state_.message_bytes = 0;
  }

  result<tls_event> event = tls_event::nothing;
  switch (type) {
    case tls_content::application_data:
      if (!content.empty()) {
        state_.without_data = 0;
        return tls_opened{tls_event::plaintext, taken, 0, content};
      }
      break;
    case tls_content::handshake:
      event = is_tls12(suite()) ? on_hello(content) : on_handshake(content, crypto);
      break;
    case tls_content::alert:
      event = on_alert(content);
      break;
    default:
      event = tls_errc::content_type_invalid;
  }
  if (!event) return event.error();
  if (*event == tls_event::close_notify) return tls_opened{*event, taken, 0, {}};
  if (state_.without_data == tls_limits::records_without_data_max)
    return tls_errc::records_without_data;
  ++state_.without_data;
  return tls_opened{*event, taken, 0, {}};
}

result<tls_event> tls_records::on_handshake(std::span<const std::byte> content,
                                            tls_record_crypto& crypto) {
  if (content.empty()) return tls_errc::message_empty;
  for (std::size_t i = 0; i != content.size(); ++i) {
    if (state_.message_bytes == key_update_header.size()) {
      // It changes keys, so nothing may stand behind it in its record, §5.1.
      if (i + 1 != content.size()) return tls_errc::message_misaligned;
      return on_key_update(content[i], crypto);
    }
    if (content[i] != key_update_header[state_.message_bytes])
      return state_.message_bytes == 0 ? tls_errc::message_unexpected : tls_errc::message_length;
    ++state_.message_bytes;
  }
  return tls_event::nothing;
}

// TLS 1.2: a hello is told once, whatever its length. What follows it in records of its type is the
// rest of it, or of the next.
result<tls_event> tls_records::on_hello(std::span<const std::byte> content) {
  if (content.empty()) return tls_errc::message_empty;
  if (state_.message_bytes != 0) return tls_event::nothing;
  if (content[0] != client_hello) return tls_errc::message_unexpected;
  state_.message_bytes = 1;
  return tls_event::hello;
}

result<tls_event> tls_records::on_key_update(std::byte request, tls_record_crypto& crypto) {
  if (request != update_requested && request != update_not_requested)
    return tls_errc::key_update_invalid;
  if (!crypto.advance(suite(), state_.read_keys)) return tls_errc::crypto_failed;
  state_.message_bytes = 0;
  state_.received = 0;
  if (request == update_requested) state_.flags |= answer_due;
  return tls_event::key_update;
}

result<tls_event> tls_records::on_alert(std::span<const std::byte> content) {
  if (content.empty()) return tls_errc::message_empty;
  if (content.size() != 2) return tls_errc::message_length;
  // In TLS 1.3 the level says nothing, §6, and an unknown description is an error, §6.2. In TLS 1.2
  // a warning may be ignored, RFC 5246 §7.2.2.
  constexpr std::byte warning{1};
  const auto description = static_cast<tls_alert>(content[1]);
  if (is_tls12(suite()) && description != tls_alert::close_notify) {
    if (content[0] == warning) return tls_event::nothing;
    return on_error_alert(content[1]);
  }
  switch (description) {
    case tls_alert::close_notify:
      state_.flags |= read_closed;
      return tls_event::close_notify;
    case tls_alert::user_canceled:
      return tls_event::nothing;  // close_notify should follow, §6.1
    default:
      return on_error_alert(content[1]);
  }
}

// Neither side says anything more, §6.2; RFC 5246 §7.2.2.
tls_errc tls_records::on_error_alert(std::byte description) {
  state_.client_alert = std::to_integer<std::uint8_t>(description);
  state_.flags |= write_closed;
  return tls_errc::alert_received;
}

void tls_records::forgive(std::uint64_t records) {
  state_.without_data -=
      static_cast<std::uint8_t>(std::min<std::uint64_t>(records, state_.without_data));
}

// --- gateway → client

bool tls_records::is_key_update_due() const {
  // The last record of a key is its KeyUpdate.
  if (is_tls12(suite())) return false;
  return (state_.flags & answer_due) != 0 || state_.sent >= tls_limits::records_per_key_max - 1;
}

std::size_t tls_records::sealed_bytes(std::size_t plaintext_bytes) const {
  if (plaintext_bytes == 0) return 0;
  constexpr std::uint64_t per_key = tls_limits::records_per_key_max - 1;
  const std::uint64_t records = (plaintext_bytes + fragment_bytes_max() - 1) >> fragment_bits();
  const std::size_t sealed = plaintext_bytes + records * tls_overhead_bytes(suite());
  if (is_tls12(suite())) return sealed;
  const bool begins_with_one = is_key_update_due();
  const std::uint64_t room = begins_with_one ? per_key : per_key - state_.sent;
  std::uint64_t updates = begins_with_one ? 1 : 0;
  if (records > room) updates += (records - room + per_key - 1) / per_key;
  return sealed + updates * key_update_bytes;
}

boost::system::error_code tls_records::can_seal(std::span<std::byte> into,
                                                std::size_t bytes) const {
  if (state_.version == 0) return tls_errc::state_invalid;
  if (is_write_closed()) return tls_errc::write_closed;
  if (into.size() < bytes) return tls_errc::output_short;
  return {};
}

std::size_t tls_records::put(tls_content type, std::span<const std::byte> content,
                             std::span<std::byte> into, tls_record_crypto& crypto) {
  // TLS 1.2 cannot change its keys, and a number must not come again, RFC 5246 §6.1.
  const bool has_number = state_.sent != std::numeric_limits<std::uint64_t>::max();
  if (!has_number || !crypto.seal(suite(), state_.write_keys, state_.sent, type, content, into)) {
    state_.flags |= write_closed;
    return 0;
  }
  ++state_.sent;
  return content.size() + tls_overhead_bytes(suite());
}

std::size_t tls_records::put_key_update(bool request, std::span<std::byte> into,
                                        tls_record_crypto& crypto) {
  std::array<std::byte, 5> message;
  std::ranges::copy(key_update_header, message.begin());
  message[4] = request ? update_requested : update_not_requested;
  const std::size_t n = put(tls_content::handshake, message, into, crypto);
  if (n == 0) return 0;
  if (!crypto.advance(suite(), state_.write_keys)) {
    state_.flags |= write_closed;
    return 0;
  }
  state_.sent = 0;
  state_.flags &= static_cast<std::uint8_t>(~answer_due);
  return n;
}

result<std::size_t> tls_records::seal(std::span<const std::byte> plaintext,
                                      std::span<std::byte> into, tls_record_crypto& crypto) {
  if (const auto error = can_seal(into, sealed_bytes(plaintext.size()))) return error;
  std::size_t used = 0;
  while (!plaintext.empty()) {
    if (is_key_update_due()) {
      const std::size_t n = put_key_update(false, into.subspan(used), crypto);
      if (n == 0) return tls_errc::crypto_failed;
      used += n;
    }
    const auto content = plaintext.first(std::min(plaintext.size(), fragment_bytes_max()));
    const std::size_t n = put(tls_content::application_data, content, into.subspan(used), crypto);
    if (n == 0) return tls_errc::crypto_failed;
    used += n;
    plaintext = plaintext.subspan(content.size());
  }
  return used;
}

result<std::size_t> tls_records::seal_alert(tls_alert alert, std::span<std::byte> into,
                                            tls_record_crypto& crypto) {
  if (const auto error = can_seal(into, tls_overhead_bytes(suite()) + 2)) return error;
  // RFC 8446 §6, RFC 5246 §7.2: warning for these, fatal for the errors.
  const bool goes_on = alert == tls_alert::user_canceled || alert == tls_alert::no_renegotiation;
  const bool is_warning = goes_on || alert == tls_alert::close_notify;
  const std::array message{std::byte{is_warning ? std::uint8_t{1} : std::uint8_t{2}},
                           static_cast<std::byte>(alert)};
  const std::size_t n = put(tls_content::alert, message, into, crypto);
  if (n == 0) return tls_errc::crypto_failed;
  if (!goes_on) state_.flags |= write_closed;
  return n;
}

result<std::size_t> tls_records::seal_key_update(bool request, std::span<std::byte> into,
                                                 tls_record_crypto& crypto) {
  if (is_tls12(suite())) return tls_errc::suite_unsupported;
  if (const auto error = can_seal(into, key_update_bytes)) return error;
  const std::size_t n = put_key_update(request, into, crypto);
  if (n == 0) return tls_errc::crypto_failed;
  return n;
}

}  // namespace presenter::gateway
