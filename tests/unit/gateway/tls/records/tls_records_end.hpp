// One end with detached records, as a test drives it: whole byte strings in, what came of them out.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "gateway/tls/records/tls_records.hpp"
#include "tests/support/record_forge.hpp"

namespace presenter::testing {

inline constexpr gateway::tls_suite all_suites[] = {gateway::tls_suite::aes_128_gcm_sha256,
                                                    gateway::tls_suite::aes_256_gcm_sha384,
                                                    gateway::tls_suite::chacha20_poly1305_sha256};

inline constexpr gateway::tls_suite all_suites12[] = {gateway::tls_suite::tls12_aes_128_gcm,
                                                      gateway::tls_suite::tls12_aes_256_gcm,
                                                      gateway::tls_suite::tls12_chacha20_poly1305};

inline std::string name_of(gateway::tls_suite suite) {
  switch (suite) {
    case gateway::tls_suite::aes_128_gcm_sha256:
      return "Aes128";
    case gateway::tls_suite::aes_256_gcm_sha384:
      return "Aes256";
    case gateway::tls_suite::chacha20_poly1305_sha256:
      return "Chacha20";
    case gateway::tls_suite::tls12_aes_128_gcm:
      return "Tls12Aes128";
    case gateway::tls_suite::tls12_aes_256_gcm:
      return "Tls12Aes256";
    case gateway::tls_suite::tls12_chacha20_poly1305:
      return "Tls12Chacha20";
  }
  return "";
}

// Secrets that are no secret.
inline byte_string made_secret(gateway::tls_suite suite, int first) {
  byte_string secret(gateway::secret_bytes(suite));
  for (std::size_t i = 0; i != secret.size(); ++i)
    secret[i] = static_cast<std::byte>(first + static_cast<int>(i));
  return secret;
}

// Every byte of a storage is 0; the object in it may be gone.
inline bool is_wiped(const void* object, std::size_t size) {
  const auto* const bytes = static_cast<const volatile unsigned char*>(object);
  unsigned char found = 0;
  for (std::size_t i = 0; i != size; ++i)
    found = static_cast<unsigned char>(found | bytes[i]);
  return found == 0;
}

// Life: the test's. `crypto` may be shared with other ends, as in a worker.
class records_end {
 public:
  records_end(const gateway::tls_detached& handshake, gateway::tls_record_crypto& crypto)
      : records(gateway::tls_records::start(handshake, crypto).value()), crypto_(crypto) {}
  records_end(gateway::tls_records&& adopted, gateway::tls_record_crypto& crypto)
      : records(std::move(adopted)), crypto_(crypto) {}

  // Takes every whole record. What is left over waits for the next call. Stops at an error.
  void receive(const byte_string& bytes) {
    input.insert(input.end(), bytes.begin(), bytes.end());
    while (!input.empty()) {
      const auto opened = records.open(input, crypto_);
      if (!opened) {
        error = opened.error();
        return;
      }
      note(*opened);
      if (opened->event == gateway::tls_event::need_more) return;
      ASSERT_GT(opened->taken, 0U);
      ASSERT_LE(opened->taken, input.size());
      input.erase(input.begin(), input.begin() + static_cast<std::ptrdiff_t>(opened->taken));
    }
    wanted = 0;
  }

  byte_string seal(std::string_view plaintext) {
    byte_string out(records.sealed_bytes(plaintext.size()));
    const auto used = records.seal(std::as_bytes(std::span(plaintext)), out, crypto_);
    EXPECT_TRUE(used && *used == out.size());
    return out;
  }
  byte_string alert(gateway::tls_alert what) {
    byte_string out(gateway::tls_records::alert_bytes_max);
    out.resize(records.seal_alert(what, out, crypto_).value());
    return out;
  }
  byte_string key_update(bool request) {
    byte_string out(gateway::tls_records::key_update_bytes);
    EXPECT_EQ(records.seal_key_update(request, out, crypto_).value(), out.size());
    return out;
  }

  std::string take_text() { return std::exchange(text, {}); }
  gateway::tls_errc errc() const { return static_cast<gateway::tls_errc>(error.value()); }

  gateway::tls_records records;
  byte_string input;
  std::string text;                        // of all plaintext so far
  std::vector<gateway::tls_event> events;  // but need_more
  std::size_t wanted = 0;                  // of the last need_more
  boost::system::error_code error;

 private:
  void note(const gateway::tls_opened& opened) {
    wanted = opened.wanted;
    if (opened.event == gateway::tls_event::need_more) return;
    events.push_back(opened.event);
    text += text_of(opened.plaintext);
  }

  gateway::tls_record_crypto& crypto_;
};

}  // namespace presenter::testing
