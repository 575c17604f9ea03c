#include "tests/support/record_forge.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <string>

namespace presenter::testing {
namespace {

using gateway::tls_suite;

const char* cipher_of(tls_suite suite) {
  switch (suite) {
    case tls_suite::aes_128_gcm_sha256:
    case tls_suite::tls12_aes_128_gcm:
      return "AES-128-GCM";
    case tls_suite::aes_256_gcm_sha384:
    case tls_suite::tls12_aes_256_gcm:
      return "AES-256-GCM";
    default:
      return "ChaCha20-Poly1305";
  }
}

void require(bool ok) {
  if (!ok) throw std::runtime_error("OpenSSL failed");
}

OSSL_PARAM octets(const char* name, std::span<const std::byte> value) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(value.data()),
                                           value.size());
}

}  // namespace

byte_string bytes_of(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

byte_string bytes_of(std::initializer_list<int> values) {
  byte_string bytes;
  bytes.reserve(values.size());
  for (const int value : values)
    bytes.push_back(static_cast<std::byte>(value));
  return bytes;
}

byte_string bytes_of_hex(std::string_view hex) {
  byte_string bytes;
  std::string digits;
  for (const char c : hex) {
    if (c == ' ' || c == '\n') continue;
    digits += c;
    if (digits.size() < 2) continue;
    bytes.push_back(static_cast<std::byte>(std::stoi(digits, nullptr, 16)));
    digits.clear();
  }
  return bytes;
}

std::string_view text_of(std::span<const std::byte> bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

byte_string joined(std::initializer_list<byte_string> parts) {
  byte_string bytes;
  for (const byte_string& part : parts)
    bytes.insert(bytes.end(), part.begin(), part.end());
  return bytes;
}

byte_string key_update_message(int request) {
  return bytes_of({24, 0, 0, 1, request});
}

byte_string alert_message(int level, int description) {
  return bytes_of({level, description});
}

byte_string kdf_expand(tls_suite suite, std::span<const std::byte> secret, std::string_view label,
                       std::size_t size) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(
      EVP_KDF_fetch(nullptr, "TLS13-KDF", nullptr), &EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      EVP_KDF_CTX_new(kdf.get()), &EVP_KDF_CTX_free);
  const bool is_384 = suite == tls_suite::aes_256_gcm_sha384;
  std::string digest = is_384 ? "SHA384" : "SHA256";
  constexpr std::string_view prefix = "tls13 ";
  int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
      octets(OSSL_KDF_PARAM_KEY, secret),
      octets(OSSL_KDF_PARAM_PREFIX, std::as_bytes(std::span(prefix))),
      octets(OSSL_KDF_PARAM_LABEL, std::as_bytes(std::span(label))),
      OSSL_PARAM_construct_end()};
  byte_string out(size);
  require(EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(out.data()), size,
                         parameters) == 1);
  return out;
}

// TLS 1.2 has key and IV for a secret, RFC 5246 §6.3; AES-GCM's nonce lies in the record, RFC 5288.
record_forge::record_forge(tls_suite suite, std::span<const std::byte> secret)
    : suite_(suite), secret_(secret.begin(), secret.end()) {
  set_keys();
}

void record_forge::set_keys() {
  sequence = 0;
  if (is_12()) {
    const auto key_end = secret_.begin() + (suite_ == tls_suite::tls12_aes_128_gcm ? 16 : 32);
    const auto iv_end = key_end + (carried_bytes() == 0 ? 12 : 4);
    key_.assign(secret_.begin(), key_end);
    iv_.assign(key_end, iv_end);
    return;
  }
  key_ = kdf_expand(suite_, secret_, "key", suite_ == tls_suite::aes_128_gcm_sha256 ? 16 : 32);
  iv_ = kdf_expand(suite_, secret_, "iv", 12);
}

void record_forge::advance() {
  if (is_12()) return;
  secret_ = kdf_expand(suite_, secret_, "traffic upd", secret_.size());
  set_keys();
}

byte_string record_forge::record(int type, std::span<const std::byte> content,
                                 std::size_t padding) {
  if (is_12()) {
    header[0] = type;
    return seal(content);
  }
  byte_string inner(content.begin(), content.end());
  inner.push_back(static_cast<std::byte>(type));
  inner.resize(inner.size() + padding);
  return seal(inner);
}

byte_string record_forge::seal(std::span<const std::byte> inner) {
  const std::size_t start = 5 + carried_bytes();
  const auto length = static_cast<int>(carried_bytes() + inner.size() + 16);
  byte_string record = bytes_of({header[0], header[1], header[2], length >> 8, length & 0xff});
  record.resize(5 + static_cast<std::size_t>(length));
  byte_string nonce = iv_;
  nonce.resize(12);
  byte_string beside(record.begin(), record.begin() + 5);
  byte_string number(8);
  for (std::size_t i = 0; i != 8; ++i) {
    number[7 - i] = static_cast<std::byte>(sequence >> (8 * i));
    nonce[11 - i] ^= number[7 - i];
  }
  if (carried_bytes() != 0) std::copy(number.begin(), number.end(), record.begin() + 5);
  if (is_12()) {
    const auto size = static_cast<int>(inner.size());
    beside = joined({number, bytes_of({header[0], header[1], header[2], size >> 8, size & 0xff})});
  }
  ++sequence;

  const auto raw = [](const std::byte* bytes) {
    return reinterpret_cast<const unsigned char*>(bytes);
  };
  auto* const out = reinterpret_cast<unsigned char*>(record.data());
  const std::unique_ptr<EVP_CIPHER, decltype(&EVP_CIPHER_free)> cipher(
      EVP_CIPHER_fetch(nullptr, cipher_of(suite_), nullptr), &EVP_CIPHER_free);
  const std::unique_ptr<EVP_CIPHER_CTX, decltype(&EVP_CIPHER_CTX_free)> context(
      EVP_CIPHER_CTX_new(), &EVP_CIPHER_CTX_free);
  int n = 0;
  require(EVP_EncryptInit_ex2(context.get(), cipher.get(), raw(key_.data()), raw(nonce.data()),
                              nullptr) == 1);
  require(EVP_EncryptUpdate(context.get(), nullptr, &n, raw(beside.data()),
                            static_cast<int>(beside.size())) == 1);
  require(inner.empty() || EVP_EncryptUpdate(context.get(), out + start, &n, raw(inner.data()),
                                             static_cast<int>(inner.size())) == 1);
  require(EVP_EncryptFinal_ex(context.get(), out + start + inner.size(), &n) == 1);
  require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, 16,
                              out + start + inner.size()) == 1);
  return record;
}

}  // namespace presenter::testing
