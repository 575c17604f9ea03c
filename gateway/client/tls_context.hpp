// Builds the OpenSSL contexts of the listener: one per worker, so that workers share no locks, all
// with the same certificate. Whichever worker a client meets, it resumes: see ticket_sealer.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "gateway/client/ticket_sealer.hpp"
#include "gateway/config.hpp"

namespace presenter::gateway {

struct ssl_ctx_deleter {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};
using ssl_ctx_ptr = std::unique_ptr<SSL_CTX, ssl_ctx_deleter>;

// TLS 1.2 and 1.3 by Mozilla's intermediate recommendation, AES-128-GCM first. `tickets` outlives
// the context. Throws std::runtime_error that names the file and OpenSSL's reason.
ssl_ctx_ptr make_tls_context(const tls_config& settings, ticket_sealer& tickets);

// OpenSSL's own words for the newest error of this thread, and forgets them all. Empty if there is
// none.
std::string take_openssl_error();

}  // namespace presenter::gateway
