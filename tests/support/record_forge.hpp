// Makes records of TLS 1.3, or of an AEAD suite of TLS 1.2, of any inner plaintext, valid or not,
// straight with OpenSSL's KDF and ciphers: for tests of what opens them, with which it shares no
// code.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <vector>

#include "gateway/tls/records/tls_key_schedule.hpp"

namespace presenter::testing {

using byte_string = std::vector<std::byte>;

byte_string bytes_of(std::string_view text);
byte_string bytes_of(std::initializer_list<int> values);
// Digits of any case; spaces are skipped.
byte_string bytes_of_hex(std::string_view hex);
std::string_view text_of(std::span<const std::byte> bytes);
// Made in their order: braces say so, an operator would not.
byte_string joined(std::initializer_list<byte_string> parts);

// Content types and messages, RFC 8446 §5.1, §4.6.3, §6.
enum record_type : int { change_cipher_spec = 20, alert = 21, handshake = 22, data = 23 };
byte_string key_update_message(int request);
byte_string alert_message(int level, int description);

// Expands by OpenSSL's own TLS13-KDF.
byte_string kdf_expand(gateway::tls_suite suite, std::span<const std::byte> secret,
                       std::string_view label, std::size_t size);

// The writing side of one direction.
class record_forge {
 public:
  record_forge(gateway::tls_suite suite, std::span<const std::byte> secret);

  // Content, its type, and so many zeros; TLS 1.2 has the type outside, and no zeros.
  byte_string record(int type, std::span<const std::byte> content, std::size_t padding = 0);
  byte_string record(int type, std::string_view content, std::size_t padding = 0) {
    return record(type, std::as_bytes(std::span(content)), padding);
  }
  // An inner plaintext that need not be one.
  byte_string seal(std::span<const std::byte> inner);
  // The next generation: what follows a KeyUpdate.
  void advance();

  std::uint64_t sequence = 0;
  std::array<int, 3> header{data, 3, 3};  // outer type and version of the records to come

 private:
  void set_keys();
  bool is_12() const { return static_cast<int>(suite_) < 0x1300; }
  // Of its nonce, in each record.
  std::size_t carried_bytes() const {
    return is_12() && suite_ != gateway::tls_suite::tls12_chacha20_poly1305 ? 8 : 0;
  }

  gateway::tls_suite suite_;
  byte_string secret_;
  byte_string key_;
  byte_string iv_;
};

}  // namespace presenter::testing
