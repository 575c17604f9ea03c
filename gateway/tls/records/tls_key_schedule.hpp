// What is detached: which suite has which hash, and how long its keys and secrets are; and the part
// of TLS 1.3's key schedule that is needed after the handshake, HKDF-Expand-Label. It knows nothing
// of records.
#pragma once

#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

namespace presenter::gateway {

// Of TLS 1.3 IANA's numbers: what SSL_CIPHER_get_protocol_id returns. After the handshake all that
// is left of a suite of TLS 1.2 is its AEAD, which many share: these numbers are ours.
enum class tls_suite : std::uint16_t {
  tls12_aes_128_gcm = 0x1211,
  tls12_aes_256_gcm = 0x1212,
  tls12_chacha20_poly1305 = 0x1213,
  aes_128_gcm_sha256 = 0x1301,
  aes_256_gcm_sha384 = 0x1302,
  chacha20_poly1305_sha256 = 0x1303,
};

constexpr bool is_tls12(tls_suite suite) {
  return static_cast<std::uint16_t>(suite) < 0x1300;
}
// 0, 1, 2 for each of the AEADs in the order above.
constexpr std::size_t aead_of(tls_suite suite) {
  return (static_cast<std::size_t>(suite) & 0x0f) - 1;
}

// Of TLS 1.3. Nothing for any other number: TLS 1.2, CCM.
constexpr std::optional<tls_suite> tls_suite_of(std::uint16_t number) {
  if (number < 0x1301 || number > 0x1303) return std::nullopt;
  return static_cast<tls_suite>(number);
}

// Of the suite's hash, TLS 1.3.
constexpr std::size_t hash_bytes(tls_suite suite) {
  return suite == tls_suite::aes_256_gcm_sha384 ? 48 : 32;
}
constexpr std::size_t key_bytes(tls_suite suite) {
  return aead_of(suite) == 0 ? 16 : 32;
}

inline constexpr std::size_t tls_secret_bytes_max = 48;
inline constexpr std::size_t tls_key_bytes_max = 32;
inline constexpr std::size_t tls_iv_bytes = 12;
inline constexpr std::size_t tls_tag_bytes = 16;

// RFC 5288 §3: AES-GCM of TLS 1.2 carries the larger part of its nonce in each record, and has a
// salt of 4 bytes for an IV. ChaCha20 does as TLS 1.3 does, RFC 7905 §2.
inline constexpr std::size_t tls12_nonce_bytes = 8;
constexpr bool has_explicit_nonce(tls_suite suite) {
  return is_tls12(suite) && aead_of(suite) != 2;
}
// Of the nonce, in each record; the rest of it is the IV.
constexpr std::size_t carried_bytes(tls_suite suite) {
  return has_explicit_nonce(suite) ? tls12_nonce_bytes : 0;
}
constexpr std::size_t iv_bytes(tls_suite suite) {
  return tls_iv_bytes - carried_bytes(suite);
}

// What a handshake leaves of one direction. TLS 1.3: the traffic secret. TLS 1.2: key and IV, and
// where records carry a nonce, the one of record 0, from which ours count on.
constexpr std::size_t secret_bytes(tls_suite suite) {
  if (!is_tls12(suite)) return hash_bytes(suite);
  return key_bytes(suite) + iv_bytes(suite) + carried_bytes(suite);
}

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
