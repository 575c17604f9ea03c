#include "gateway/tls/records/tls_record_crypto.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>

#include <cstring>
#include <stdexcept>
#include <string>

#include "gateway/tls/records/tls_errc.hpp"

namespace presenter::gateway {
namespace {

unsigned char* raw(std::byte* bytes) {
  return reinterpret_cast<unsigned char*>(bytes);
}
const unsigned char* raw(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}

// The parts of tls_record_keys.
std::span<const std::byte> secret_of(tls_suite suite, const tls_record_keys& keys) {
  return std::span(keys.bytes).first(secret_bytes(suite));
}
std::span<const std::byte> iv_of(tls_suite suite, const tls_record_keys& keys) {
  const std::size_t before = is_tls12(suite) ? key_bytes(suite) : hash_bytes(suite);
  return std::span(keys.bytes).subspan(before, iv_bytes(suite));
}
constexpr bool keeps_key(tls_suite suite) {
  return is_tls12(suite) ||
         hash_bytes(suite) + tls_iv_bytes + key_bytes(suite) <= sizeof(tls_record_keys);
}
static_assert(keeps_key(tls_suite::aes_128_gcm_sha256));
std::span<const std::byte> kept_key_of(tls_suite suite, const tls_record_keys& keys) {
  const std::size_t before = is_tls12(suite) ? 0 : hash_bytes(suite) + tls_iv_bytes;
  return std::span(keys.bytes).subspan(before, key_bytes(suite));
}

// Both are secrets of ours, so that the time it takes tells nobody anything.
bool are_equal(const tls_record_keys& a, const tls_record_keys& b) {
  return std::memcmp(a.bytes.data(), b.bytes.data(), a.bytes.size()) == 0;
}

// RFC 8446 §5.3, RFC 7905 §2: the IV, the sequence number xored into its last 8 bytes.
std::array<unsigned char, tls_iv_bytes> nonce_of(std::span<const std::byte> iv,
                                                 std::uint64_t sequence) {
  std::array<unsigned char, tls_iv_bytes> nonce;
  std::memcpy(nonce.data(), iv.data(), nonce.size());
  for (std::size_t i = 0; i != 8; ++i)
    nonce[nonce.size() - 1 - i] ^= static_cast<unsigned char>(sequence >> (8 * i));
  return nonce;
}

// RFC 5288 §3: the salt, and what the record carries.
std::array<unsigned char, tls_iv_bytes> nonce_of(std::span<const std::byte> salt,
                                                 std::span<const std::byte> carried) {
  std::array<unsigned char, tls_iv_bytes> nonce;
  std::memcpy(nonce.data(), salt.data(), salt.size());
  std::memcpy(nonce.data() + salt.size(), carried.data(), tls12_nonce_bytes);
  return nonce;
}

void put_number(std::span<std::byte, 8> into, std::uint64_t number) {
  for (std::size_t i = 0; i != into.size(); ++i)
    into[i] = static_cast<std::byte>(number >> (8 * (7 - i)));
}

// The next that is not used: OpenSSL chose that of record 0, our Finished, and would count up too.
void put_next_nonce(tls_suite suite, const tls_record_keys& keys, std::uint64_t sequence,
                    std::span<std::byte, tls12_nonce_bytes> into) {
  std::uint64_t first = 0;
  for (const std::byte each : secret_of(suite, keys).last(tls12_nonce_bytes))
    first = first << 8 | std::to_integer<std::uint64_t>(each);
  put_number(into, first + sequence);
}

// RFC 5246 §6.2.3.3: sequence number, type, version, and the length of the content.
std::array<std::byte, 13> beside_of(std::uint64_t sequence, std::span<const std::byte> header,
                                    std::size_t content_bytes) {
  std::array<std::byte, 13> beside;
  put_number(std::span(beside).first<8>(), sequence);
  std::memcpy(beside.data() + 8, header.data(), 3);
  beside[11] = static_cast<std::byte>(content_bytes >> 8);
  beside[12] = static_cast<std::byte>(content_bytes);
  return beside;
}

void put_header(std::span<std::byte> into, tls_content type, std::size_t length) {
  into[0] = static_cast<std::byte>(type);
  into[1] = into[2] = std::byte{3};
  into[3] = static_cast<std::byte>(length >> 8);
  into[4] = static_cast<std::byte>(length);
}

// Not by EVP_CIPHER_CTX_ctrl, which makes the same parameters after a search for them.
bool get_tag(EVP_CIPHER_CTX* context, std::span<std::byte> tag) {
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag.data(), tls_tag_bytes),
      OSSL_PARAM_construct_end()};
  return EVP_CIPHER_CTX_get_params(context, parameters) == 1;
}
bool set_tag(EVP_CIPHER_CTX* context, std::span<std::byte> tag) {
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_CIPHER_PARAM_AEAD_TAG, tag.data(), tls_tag_bytes),
      OSSL_PARAM_construct_end()};
  return EVP_CIPHER_CTX_set_params(context, parameters) == 1;
}

}  // namespace

tls_record_crypto::tls_record_crypto() {
  constexpr std::array names{"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};
  for (std::size_t i = 0; i != names.size(); ++i) {
    ciphers_[i].reset(EVP_CIPHER_fetch(nullptr, names[i], nullptr));
    if (!ciphers_[i]) throw std::runtime_error(std::string("OpenSSL lacks ") + names[i]);
  }
  for (slot& each : slots_) {
    each.context.reset(EVP_CIPHER_CTX_new());
    if (!each.context) throw std::runtime_error("OpenSSL has no cipher context");
  }
}

tls_record_crypto::~tls_record_crypto() {
  for (slot& each : slots_)
    each.reset();
}

void tls_record_crypto::slot::reset() {
  EVP_CIPHER_CTX_reset(context.get());
  OPENSSL_cleanse(&keys, sizeof keys);
  is_loaded = is_set_up = false;
}

void tls_record_crypto::forget(const tls_record_keys& keys) {
  for (slot& each : slots_)
    if (each.is_loaded && are_equal(each.keys, keys)) each.reset();
}

bool tls_record_crypto::derive(tls_suite suite, std::span<const std::byte> secret,
                               tls_record_keys& keys) {
  if (secret.size() != secret_bytes(suite)) return false;
  tls_record_keys made{};
  const auto bytes = std::span(made.bytes);
  std::memcpy(made.bytes.data(), secret.data(), secret.size());
  if (is_tls12(suite)) {
    keys = made;
    OPENSSL_cleanse(&made, sizeof made);
    return true;
  }
  bool ok =
      schedule_.expand(suite, secret, "iv", {}, bytes.subspan(hash_bytes(suite), tls_iv_bytes));
  if (keeps_key(suite)) {
    const auto key = bytes.subspan(hash_bytes(suite) + tls_iv_bytes, key_bytes(suite));
    ok = ok && schedule_.expand(suite, secret, "key", {}, key);
  }
  if (ok) keys = made;
  OPENSSL_cleanse(&made, sizeof made);
  return ok;
}

bool tls_record_crypto::advance(tls_suite suite, tls_record_keys& keys) {
  std::array<std::byte, tls_secret_bytes_max> storage;
  const auto next = std::span(storage).first(hash_bytes(suite));
  bool ok = schedule_.expand(suite, secret_of(suite, keys), "traffic upd", {}, next);
  if (ok) {
    forget(keys);
    ok = derive(suite, next, keys);
  }
  OPENSSL_cleanse(storage.data(), storage.size());
  return ok;
}

tls_record_crypto::slot& tls_record_crypto::slot_of(tls_suite suite, direction way) {
  return slots_[2 * aead_of(suite) + static_cast<std::size_t>(way)];
}

bool tls_record_crypto::set_key(slot& in, tls_suite suite, direction way,
                                const tls_record_keys& keys, const nonce_bytes& nonce) {
  std::array<std::byte, tls_key_bytes_max> derived;
  std::span<const std::byte> key = derived;
  bool ok = true;
  if (keeps_key(suite)) {
    key = kept_key_of(suite, keys);
  } else {
    ok = schedule_.expand(suite, secret_of(suite, keys), "key", {},
                          std::span(derived).first(key_bytes(suite)));
  }
  const EVP_CIPHER* const cipher = in.is_set_up ? nullptr : ciphers_[aead_of(suite)].get();
  ok = ok && EVP_CipherInit_ex2(in.context.get(), cipher, raw(key.data()), nonce.data(), way,
                                nullptr) == 1;
  OPENSSL_cleanse(derived.data(), derived.size());
  if (!ok) {
    in.reset();
    return false;
  }
  in.keys = keys;
  in.is_loaded = in.is_set_up = true;
  return true;
}

tls_record_crypto::slot* tls_record_crypto::begin(tls_suite suite, direction way,
                                                  const tls_record_keys& keys,
                                                  std::uint64_t sequence,
                                                  std::span<const std::byte> record,
                                                  std::size_t content_bytes) {
  slot& in = slot_of(suite, way);
  const auto header = record.first(tls_header_bytes);
  const auto carried = record.subspan(tls_header_bytes, carried_bytes(suite));
  const auto iv = iv_of(suite, keys);
  const nonce_bytes nonce = carried.empty() ? nonce_of(iv, sequence) : nonce_of(iv, carried);
  std::array<std::byte, 13> beside12;
  std::span<const std::byte> beside = header;
  if (is_tls12(suite)) {
    beside12 = beside_of(sequence, header, content_bytes);
    beside = beside12;
  }
  if (in.is_loaded && are_equal(in.keys, keys)) {
    if (EVP_CipherInit_ex2(in.context.get(), nullptr, nullptr, nonce.data(), way, nullptr) != 1)
      return nullptr;
  } else if (!set_key(in, suite, way, keys, nonce)) {
    return nullptr;
  }
  int n = 0;
  if (EVP_CipherUpdate(in.context.get(), nullptr, &n, raw(beside.data()),
                       static_cast<int>(beside.size())) != 1)
    return nullptr;
  return &in;
}

bool tls_record_crypto::seal(tls_suite suite, const tls_record_keys& keys, std::uint64_t sequence,
                             tls_content type, std::span<const std::byte> content,
                             std::span<std::byte> into) {
  // RFC 8446 §5.2: outside every record is application data of TLS 1.2, its type is within.
  const std::size_t type_bytes = is_tls12(suite) ? 0 : 1;
  const auto type_byte = static_cast<unsigned char>(type);
  put_header(into, is_tls12(suite) ? type : tls_content::application_data,
             tls_overhead_bytes(suite) - tls_header_bytes + content.size());
  const auto carried = into.subspan(tls_header_bytes, carried_bytes(suite));
  if (!carried.empty()) put_next_nonce(suite, keys, sequence, carried.first<tls12_nonce_bytes>());

  const slot* const in = begin(suite, sealing, keys, sequence, into, content.size());
  if (in == nullptr) return false;
  EVP_CIPHER_CTX* const context = in->context.get();
  const auto body = into.subspan(tls_header_bytes + carried.size());
  int n = 0;
  return (content.empty() || EVP_CipherUpdate(context, raw(body.data()), &n, raw(content.data()),
                                              static_cast<int>(content.size())) == 1) &&
         (type_bytes == 0 ||
          EVP_CipherUpdate(context, raw(body.data()) + content.size(), &n, &type_byte, 1) == 1) &&
         EVP_CipherFinal_ex(context, raw(body.data()) + content.size() + type_bytes, &n) == 1 &&
         get_tag(context, body.subspan(content.size() + type_bytes, tls_tag_bytes));
}

boost::system::result<std::span<std::byte>> tls_record_crypto::open(tls_suite suite,
                                                                    const tls_record_keys& keys,
                                                                    std::uint64_t sequence,
                                                                    std::span<std::byte> record) {
  const std::size_t before = tls_header_bytes + carried_bytes(suite);
  if (record.size() < before + tls_tag_bytes) return tls_errc::record_forged;
  const auto body = record.subspan(before);
  const auto inner = body.first(body.size() - tls_tag_bytes);
  const slot* const in = begin(suite, opening, keys, sequence, record, inner.size());
  if (in == nullptr) return tls_errc::crypto_failed;

  EVP_CIPHER_CTX* const context = in->context.get();
  int n = 0;
  if (!set_tag(context, body.last(tls_tag_bytes)) ||
      (!inner.empty() && EVP_CipherUpdate(context, raw(inner.data()), &n, raw(inner.data()),
                                          static_cast<int>(inner.size())) != 1))
    return tls_errc::crypto_failed;
  unsigned char nothing[1];
  if (EVP_CipherFinal_ex(context, nothing, &n) != 1) return tls_errc::record_forged;
  return inner;
}

}  // namespace presenter::gateway
