#include "gateway/tls/tls12_secrets.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <string_view>

namespace presenter::gateway {
namespace {

constexpr std::size_t master_secret_bytes = SSL_MAX_MASTER_KEY_LENGTH;
constexpr std::size_t key_block_bytes_max = 2 * (tls_key_bytes_max + tls_iv_bytes);

struct kdf_deleter {
  void operator()(EVP_KDF* kdf) const { EVP_KDF_free(kdf); }
  void operator()(EVP_KDF_CTX* context) const { EVP_KDF_CTX_free(context); }
};

// RFC 5246 §6.3: PRF(master_secret, "key expansion", server_random + client_random).
bool expand_keys(const SSL* ssl, std::span<std::byte> master, std::span<std::byte> block) {
  std::array<unsigned char, SSL3_RANDOM_SIZE> server_random;
  std::array<unsigned char, SSL3_RANDOM_SIZE> client_random;
  SSL_get_server_random(ssl, server_random.data(), server_random.size());
  SSL_get_client_random(ssl, client_random.data(), client_random.size());
  const EVP_MD* const md = SSL_CIPHER_get_handshake_digest(SSL_get_current_cipher(ssl));
  // Looked up once: OpenSSL searches its providers for it.
  static const std::unique_ptr<EVP_KDF, kdf_deleter> kdf(
      EVP_KDF_fetch(nullptr, "TLS1-PRF", nullptr));
  if (md == nullptr || !kdf) return false;
  const std::unique_ptr<EVP_KDF_CTX, kdf_deleter> context(EVP_KDF_CTX_new(kdf.get()));
  if (!context) return false;

  std::string_view label = "key expansion";
  const auto seed = [](const void* bytes, std::size_t size) {
    return OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SEED, const_cast<void*>(bytes), size);
  };
  const OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST,
                                       const_cast<char*>(EVP_MD_get0_name(md)), 0),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_SECRET, master.data(), master.size()),
      seed(label.data(), label.size()),
      seed(server_random.data(), server_random.size()),
      seed(client_random.data(), client_random.size()),
      OSSL_PARAM_construct_end()};
  return EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(block.data()), block.size(),
                        parameters) == 1;
}

}  // namespace

std::optional<tls_suite> tls12_suite_of(const SSL* ssl) {
  if (SSL_version(ssl) != TLS1_2_VERSION) return std::nullopt;
  switch (SSL_CIPHER_get_cipher_nid(SSL_get_current_cipher(ssl))) {
    case NID_aes_128_gcm:
      return tls_suite::tls12_aes_128_gcm;
    case NID_aes_256_gcm:
      return tls_suite::tls12_aes_256_gcm;
    case NID_chacha20_poly1305:
      return tls_suite::tls12_chacha20_poly1305;
    default:
      return std::nullopt;
  }
}

std::optional<tls12_secrets> tls12_secrets::of(const SSL* ssl, tls_suite suite,
                                               std::span<const std::byte> first_nonce) {
  const std::size_t key = key_bytes(suite);
  const std::size_t iv = iv_bytes(suite);
  std::array<std::byte, master_secret_bytes> master{};
  std::array<std::byte, key_block_bytes_max> block{};
  const std::size_t master_size = SSL_SESSION_get_master_key(
      SSL_get_session(ssl), reinterpret_cast<unsigned char*>(master.data()), master.size());
  const bool ok = expand_keys(ssl, std::span(master).first(master_size),
                              std::span(block).first(2 * (key + iv)));
  tls12_secrets made;
  // The client's key, ours, the client's IV, ours.
  std::memcpy(made.client_.data(), block.data(), key);
  std::memcpy(made.server_.data(), block.data() + key, key);
  std::memcpy(made.client_.data() + key, block.data() + 2 * key, iv);
  std::memcpy(made.server_.data() + key, block.data() + 2 * key + iv, iv);
  made.size_ = secret_bytes(suite);
  std::ranges::copy(first_nonce, made.server_.begin() + static_cast<std::ptrdiff_t>(key + iv));
  OPENSSL_cleanse(master.data(), master.size());
  OPENSSL_cleanse(block.data(), block.size());
  if (!ok) return std::nullopt;
  return made;
}

tls12_secrets::~tls12_secrets() {
  OPENSSL_cleanse(client_.data(), client_.size());
  OPENSSL_cleanse(server_.data(), server_.size());
}

}  // namespace presenter::gateway
