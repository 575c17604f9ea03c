#include "gateway/tls/records/tls_key_schedule.hpp"

#include <openssl/crypto.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <stdexcept>

namespace presenter::gateway {
namespace {

constexpr std::string_view label_prefix = "tls13 ";
// HkdfLabel: length, label and context each with a length byte; then HKDF's block counter.
constexpr std::size_t info_bytes_max = 2 + 1 + label_prefix.size() + 64 + 1 + 1;
constexpr std::size_t block_bytes_max = 128;  // SHA-384

struct hkdf_info {
  std::array<std::byte, info_bytes_max> storage;
  std::size_t size = 0;

  void put(std::size_t value) { storage[size++] = static_cast<std::byte>(value); }
  void put(std::span<const std::byte> bytes) {
    std::ranges::copy(bytes, storage.begin() + static_cast<std::ptrdiff_t>(size));
    size += bytes.size();
  }
  std::span<const std::byte> bytes() const { return std::span(storage).first(size); }
};

// RFC 8446 §7.1, and the counter of HKDF's first block, RFC 5869 §2.3.
hkdf_info info_of(std::string_view label, std::span<const std::byte> context, std::size_t length) {
  hkdf_info info;
  info.put(length >> 8);
  info.put(length & 0xff);
  info.put(label_prefix.size() + label.size());
  info.put(std::as_bytes(std::span(label_prefix)));
  info.put(std::as_bytes(std::span(label)));
  info.put(context.size());
  info.put(context);
  info.put(std::size_t{1});
  return info;
}

}  // namespace

tls_key_schedule::tls_key_schedule()
    : sha256_(EVP_MD_fetch(nullptr, "SHA256", nullptr)),
      sha384_(EVP_MD_fetch(nullptr, "SHA384", nullptr)),
      context_(EVP_MD_CTX_new()) {
  if (!sha256_ || !sha384_ || !context_) throw std::runtime_error("OpenSSL lacks SHA-256 or 384");
}

bool tls_key_schedule::expand(tls_suite suite, std::span<const std::byte> secret,
                              std::string_view label, std::span<const std::byte> context,
                              std::span<std::byte> out) {
  const std::size_t hash = hash_bytes(suite);
  const EVP_MD* const md = hash == 32 ? sha256_.get() : sha384_.get();
  const std::size_t block = hash == 32 ? 64 : 128;
  if (secret.size() != hash || out.size() > hash || label.size() + context.size() > 64)
    return false;

  std::array<std::byte, block_bytes_max> pad;
  std::array<std::byte, tls_secret_bytes_max> inner;
  std::array<std::byte, tls_secret_bytes_max> outer;
  const auto key_block = std::span(pad).first(block);
  const auto mask = [&](std::byte with) {
    std::ranges::fill(key_block, with);
    for (std::size_t i = 0; i != hash; ++i)
      key_block[i] ^= secret[i];
  };
  // RFC 2104 §2.
  mask(std::byte{0x36});
  bool ok = digest(md, key_block, info_of(label, context, out.size()).bytes(), inner);
  mask(std::byte{0x5c});
  ok = ok && digest(md, key_block, std::span(inner).first(hash), outer);
  if (ok) std::memcpy(out.data(), outer.data(), out.size());

  OPENSSL_cleanse(pad.data(), pad.size());
  OPENSSL_cleanse(inner.data(), inner.size());
  OPENSSL_cleanse(outer.data(), outer.size());
  return ok;
}

bool tls_key_schedule::digest(const EVP_MD* md, std::span<const std::byte> pad,
                              std::span<const std::byte> message, std::span<std::byte> out) {
  EVP_MD_CTX* const context = context_.get();
  const bool ok =
      EVP_DigestInit_ex2(context, md, nullptr) == 1 &&
      EVP_DigestUpdate(context, pad.data(), pad.size()) == 1 &&
      EVP_DigestUpdate(context, message.data(), message.size()) == 1 &&
      EVP_DigestFinal_ex(context, reinterpret_cast<unsigned char*>(out.data()), nullptr) == 1;
  EVP_MD_CTX_reset(context);  // wipes the state, from which the key could be had
  return ok;
}

}  // namespace presenter::gateway
