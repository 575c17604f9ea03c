// Builds the OpenSSL contexts of the listener: one per worker, so that workers share no locks, all
// with the same certificate and the same ticket keys, so that a client resumes on whichever worker
// it meets.
#pragma once

#include <openssl/ssl.h>

#include <array>
#include <boost/system/result.hpp>
#include <memory>
#include <string>

#include "gateway/config.hpp"

namespace presenter::gateway {

struct ssl_ctx_deleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using ssl_ctx_ptr = std::unique_ptr<SSL_CTX, ssl_ctx_deleter>;

// Keys of stateless session tickets, as OpenSSL lays them out: name, HMAC key, AES key. Wiped when
// it dies.
class ticket_secret {
 public:
  // Fresh random keys. Throws std::runtime_error if there is no randomness to be had.
  ticket_secret();
  ~ticket_secret();
  ticket_secret(const ticket_secret&) = delete;
  ticket_secret& operator=(const ticket_secret&) = delete;

 private:
  friend ssl_ctx_ptr make_tls_context(const tls_config&, const ticket_secret&);
  std::array<unsigned char, 80> bytes_;
};

// TLS 1.2 and 1.3 by Mozilla's intermediate recommendation, AES-128-GCM first.
// Throws std::runtime_error that names the file and OpenSSL's reason.
ssl_ctx_ptr make_tls_context(const tls_config& settings, const ticket_secret& tickets);

// OpenSSL's own words for the newest error of this thread, and forgets them all. Empty if there is
// none.
std::string take_openssl_error();

}  // namespace presenter::gateway
