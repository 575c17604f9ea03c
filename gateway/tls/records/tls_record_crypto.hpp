// Seals and opens single records of TLS 1.3 and 1.2 for all clients of a worker: one OpenSSL cipher
// context per AEAD and direction, which takes another client's key when it has to. It knows what a
// record looks like (RFC 8446 §5.2; RFC 5246 §6.2.3.3), not what its content means.
#pragma once

#include <openssl/evp.h>

#include <array>
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "gateway/tls/records/tls_key_schedule.hpp"

namespace presenter::gateway {

inline constexpr std::size_t tls_header_bytes = 5;
// What a record is longer than its content without padding: header, tag, and the type within or the
// nonce that it carries.
constexpr std::size_t tls_overhead_bytes(tls_suite suite) {
  return tls_header_bytes + (is_tls12(suite) ? carried_bytes(suite) : 1) + tls_tag_bytes;
}
inline constexpr std::size_t tls13_overhead_bytes =
    tls_overhead_bytes(tls_suite::aes_128_gcm_sha256);
inline constexpr std::size_t tls_overhead_bytes_max =
    tls_overhead_bytes(tls_suite::tls12_aes_128_gcm);

// ContentType of RFC 8446 §5.1 and RFC 5246 §6.2.1; change_cipher_spec is no more after a
// handshake.
enum class tls_content : std::uint8_t { alert = 21, handshake = 22, application_data = 23 };

// What is kept of one direction. TLS 1.3: the traffic secret, which a KeyUpdate needs (RFC 8446
// §7.2), then the IV, then the key if there is room: there is for AES-128-GCM, which is preferred.
// The others' key is derived whenever the cipher context held another client's. TLS 1.2: what
// secret_bytes() says.
struct tls_record_keys {
  std::array<std::byte, 60> bytes;
};

// Life: the worker's; outlives its clients. Confined to: the worker's thread.
// Bounds: 6 cipher contexts. Nothing is allocated for a record of a suite that has been used
// before, except that OpenSSL allocates for a key that is derived (above).
// See: RFC 8446 §5.2, §5.3, §7.3; RFC 5246 §6.2.3.3; RFC 5288 §3; RFC 7905 §2.
class tls_record_crypto {
 public:
  // Throws std::runtime_error if OpenSSL lacks an algorithm.
  tls_record_crypto();
  tls_record_crypto(const tls_record_crypto&) = delete;
  tls_record_crypto& operator=(const tls_record_crypto&) = delete;
  ~tls_record_crypto();

  // Sets keys up from a secret of secret_bytes(). False: it is not, or OpenSSL failed.
  [[nodiscard]] bool derive(tls_suite suite, std::span<const std::byte> secret,
                            tls_record_keys& keys);
  // The next generation, RFC 8446 §7.2; not of TLS 1.2. False: OpenSSL failed, `keys` are as they
  // were.
  [[nodiscard]] bool advance(tls_suite suite, tls_record_keys& keys);

  // Writes a record of exactly content.size() + tls_overhead_bytes(suite) to the front of `into`,
  // which has the room and does not overlap `content`. `content` ≤ 2^14 bytes. False: OpenSSL
  // failed.
  [[nodiscard]] bool seal(tls_suite suite, const tls_record_keys& keys, std::uint64_t sequence,
                          tls_content type, std::span<const std::byte> content,
                          std::span<std::byte> into);

  // Opens a whole record, header included, in place: the view is its content, in TLS 1.3 with type
  // and padding. record_forged: the record's bytes are worthless then. crypto_failed.
  boost::system::result<std::span<std::byte>> open(tls_suite suite, const tls_record_keys& keys,
                                                   std::uint64_t sequence,
                                                   std::span<std::byte> record);

  // Wipes whatever of these keys a cipher context still holds: when their client goes.
  void forget(const tls_record_keys& keys);

 private:
  struct cipher_deleter {
    void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
    void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
  };
  struct slot {
    std::unique_ptr<EVP_CIPHER_CTX, cipher_deleter> context;
    tls_record_keys keys{};  // whose key the context holds, if is_loaded
    bool is_loaded = false;
    bool is_set_up = false;  // has its cipher

    void reset();
  };
  enum direction : int { opening = 0, sealing = 1 };  // as EVP_CipherInit_ex2 wants it

  slot& slot_of(tls_suite suite, direction way);
  using nonce_bytes = std::array<unsigned char, tls_iv_bytes>;
  // Key if needed, nonce, and what is authenticated beside the content: what comes before it. The
  // record has its header, and the nonce that it carries.
  slot* begin(tls_suite suite, direction way, const tls_record_keys& keys, std::uint64_t sequence,
              std::span<const std::byte> record, std::size_t content_bytes);
  bool set_key(slot& in, tls_suite suite, direction way, const tls_record_keys& keys,
               const nonce_bytes& nonce);

  tls_key_schedule schedule_;
  std::array<std::unique_ptr<EVP_CIPHER, cipher_deleter>, 3> ciphers_;
  std::array<slot, 6> slots_;
};

}  // namespace presenter::gateway
