// What a TLS 1.2 handshake with an AEAD suite leaves for its records: the keys and IVs of both
// directions, from the session's master secret and the randoms. It knows nothing of records.
// See: RFC 5246 §6.3, §5; RFC 5288 §3; RFC 7905 §2.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include "gateway/tls/records/tls_key_schedule.hpp"

namespace presenter::gateway {

// Nothing: not TLS 1.2, or not one of the AEADs.
std::optional<tls_suite> tls12_suite_of(const SSL* ssl);

// Wiped when it dies. Confined to: one thread.
class tls12_secrets {
 public:
  // From a session whose handshake is through; of that suite. `first_nonce`: what our record 0
  // carries for its nonce; empty where records carry none. Nothing: OpenSSL failed.
  static std::optional<tls12_secrets> of(const SSL* ssl, tls_suite suite,
                                         std::span<const std::byte> first_nonce);

  tls12_secrets(const tls12_secrets&) = default;
  tls12_secrets& operator=(const tls12_secrets&) = default;
  ~tls12_secrets();

  // secret_bytes() of what the client writes, and of what we write.
  std::span<const std::byte> client() const { return std::span(client_).first(size_); }
  std::span<const std::byte> server() const { return std::span(server_).first(size_); }

 private:
  tls12_secrets() = default;

  std::array<std::byte, tls_secret_bytes_max> client_{};
  std::array<std::byte, tls_secret_bytes_max> server_{};
  std::size_t size_ = 0;
};

}  // namespace presenter::gateway
