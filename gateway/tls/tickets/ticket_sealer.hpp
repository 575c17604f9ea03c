// Seals and opens the session tickets of a worker's clients with the keys in force, as OpenSSL asks
// for it. A ticket carries who issued it, so that a resumption of another gateway's can be counted.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>

#include "gateway/operate/metrics.hpp"
#include "gateway/tls/tickets/ticket_keys.hpp"

namespace presenter::gateway {

// Life: longer than the contexts it is attached to, and their clients.
// Confined to: the worker's thread.
// See: RFC 5077 §4; RFC 8446 §4.6.1; SSL_CTX_set_tlsext_ticket_key_evp_cb(3).
class ticket_sealer {
 public:
  using clock = std::function<ticket_time()>;

  // `issuer`: this gateway's name among the others. `metrics` outlives the sealer.
  // Throws std::runtime_error if OpenSSL lacks the cipher.
  ticket_sealer(ticket_ring_ptr ring, std::string_view issuer, worker_metrics& metrics,
                clock now = &ticket_clock_now);
  ticket_sealer(const ticket_sealer&) = delete;
  ticket_sealer& operator=(const ticket_sealer&) = delete;

  // From now on this sealer does the context's tickets. Throws std::runtime_error.
  void attach(SSL_CTX* context);

  void set_ring(ticket_ring_ptr ring) { ring_ = std::move(ring); }

  // After a resumed handshake: the ticket was issued by a gateway of another name.
  static bool is_from_elsewhere(const SSL* ssl);

 private:
  struct callbacks;
  struct cipher_deleter {
    void operator()(EVP_CIPHER* cipher) const { EVP_CIPHER_free(cipher); }
  };

  // What OpenSSL's key callback is to return: negative fails the handshake.
  int seal(unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac);
  int open(const SSL* ssl, const unsigned char* name, const unsigned char* iv,
           EVP_CIPHER_CTX* cipher, EVP_MAC_CTX* mac);
  void note_issuer(SSL* ssl, SSL_SESSION* session) const;

  const clock now_;
  worker_metrics& metrics_;
  std::array<std::uint8_t, 8> issuer_{};
  std::unique_ptr<EVP_CIPHER, cipher_deleter> cipher_;
  ticket_ring_ptr ring_;
};

}  // namespace presenter::gateway
