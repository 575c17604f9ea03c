#include "gateway/client/tls_context.hpp"

#include <openssl/err.h>

#include <stdexcept>

#include "gateway/client/openssl_session.hpp"

namespace presenter::gateway {
namespace {

// Mozilla server side TLS, "intermediate", TLS 1.2 part without finite-field DH: OpenSSL would need
// parameters for it, and every client of the last ten years has ECDHE.
constexpr const char* tls12_suites =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";

// SHA-256 first: its key schedule costs a handshake about 25 µs less than SHA-384's.
constexpr const char* tls13_suites =
    "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384";

constexpr const char* groups = "X25519:P-256";

// Equal in all contexts, or a ticket of one is refused by another.
constexpr unsigned char session_id_context[] = "presenter";

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + take_openssl_error());
}

void require(long ok, const std::string& what) {
  if (ok != 1) fail(what);
}

}  // namespace

ssl_ctx_ptr make_tls_context(const tls_config& settings, ticket_sealer& tickets) {
  ERR_clear_error();
  ssl_ctx_ptr context(SSL_CTX_new(TLS_server_method()));
  if (!context) fail("cannot create a TLS context");
  SSL_CTX* const ctx = context.get();

  require(SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION), "TLS version");
  require(SSL_CTX_set_cipher_list(ctx, tls12_suites), "TLS 1.2 suites");
  require(SSL_CTX_set_ciphersuites(ctx, tls13_suites), "TLS 1.3 suites");
  require(SSL_CTX_set1_groups_list(ctx, groups), "TLS groups");
  SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                            SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);

  // Stateless tickets only, and one per handshake: the default two cost some 15 µs more.
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  require(SSL_CTX_set_num_tickets(ctx, 1), "TLS tickets");
  require(SSL_CTX_set_session_id_context(ctx, session_id_context, sizeof session_id_context - 1),
          "TLS session id context");
  SSL_CTX_set_timeout(ctx, static_cast<long>(settings.tickets.ticket_lifetime().count()));
  tickets.attach(ctx);

  if (settings.detach_records) openssl_session::watch_handshakes(ctx);

  const std::string certificate = settings.certificate.string();
  const std::string private_key = settings.private_key.string();
  require(SSL_CTX_use_certificate_chain_file(ctx, certificate.c_str()), certificate);
  require(SSL_CTX_use_PrivateKey_file(ctx, private_key.c_str(), SSL_FILETYPE_PEM), private_key);
  require(SSL_CTX_check_private_key(ctx), private_key);
  return context;
}

std::string take_openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return {};
  const char* reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

}  // namespace presenter::gateway
