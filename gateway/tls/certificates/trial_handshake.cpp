#include "gateway/tls/certificates/trial_handshake.hpp"

#include <openssl/err.h>

#include <memory>
#include <new>
#include <optional>

namespace presenter::gateway {
namespace {

struct ssl_deleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};
using ssl_ptr = std::unique_ptr<SSL, ssl_deleter>;

// The largest message that clients take: Java's limit; that of Go and rustls. OpenSSL's is 100 KiB.
constexpr long message_bytes_of_today = 32 * 1'024;
constexpr long message_bytes_max = 64 * 1'024 - 1;
// More than any handshake has flights.
constexpr int steps_max = 16;

constexpr const char* suites_12_of_today = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr const char* groups_of_today = "X25519:P-256:P-384";
constexpr const char* any_suite_12 = "ALL";
constexpr const char* any_suite_13 =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"
    "TLS_AES_128_CCM_SHA256:TLS_AES_128_CCM_8_SHA256";

// Of a server's key of this type; empty: all that OpenSSL has; nothing: such clients verify none.
std::optional<std::string> signatures_of(int key_type, bool is_today) {
  switch (key_type) {
    case EVP_PKEY_EC:
      return is_today ? "ECDSA+SHA256:ECDSA+SHA384" : "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512";
    case EVP_PKEY_RSA:
      return "rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:rsa_pss_rsae_sha512:RSA+SHA256:RSA+SHA384:"
             "RSA+SHA512";
    default:
      return is_today ? std::nullopt : std::optional<std::string>("");
  }
}

void require(long ok) {
  if (ok != 1) throw std::bad_alloc();
}

// Signs itself.
void show_certificate(SSL* client, const std::string& curve) {
  const key_ptr key(EVP_EC_gen(curve.c_str()));
  const x509_ptr certificate(X509_new());
  require(key && certificate ? 1 : 0);
  X509* const made = certificate.get();
  X509_NAME* const name = X509_get_subject_name(made);
  require(X509_set_version(made, X509_VERSION_3));
  require(ASN1_INTEGER_set(X509_get_serialNumber(made), 1));
  require(X509_gmtime_adj(X509_getm_notBefore(made), -3'600) != nullptr ? 1 : 0);
  require(X509_gmtime_adj(X509_getm_notAfter(made), 3'600) != nullptr ? 1 : 0);
  require(X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                                     reinterpret_cast<const unsigned char*>("trial"), -1, -1, 0));
  require(X509_set_issuer_name(made, name));
  require(X509_set_pubkey(made, key.get()));
  require(X509_sign(made, key.get(), EVP_sha256()) > 0 ? 1 : 0);
  require(SSL_use_certificate(client, made));
  require(SSL_use_PrivateKey(client, key.get()));
}

// What the context's own rules make of a certificate of one of its authorities.
int trust_anyone(int, X509_STORE_CTX* verifying) {
  const auto* const ssl = static_cast<SSL*>(
      X509_STORE_CTX_get_ex_data(verifying, SSL_get_ex_data_X509_STORE_CTX_idx()));
  const auto rules = SSL_CTX_get_verify_callback(SSL_get_SSL_CTX(ssl));
  return rules == nullptr ? 1 : rules(1, verifying);
}

ssl_ptr make_server(SSL_CTX* context, const trial_client& client) {
  ssl_ptr server(SSL_new(context));
  require(server ? 1 : 0);
  SSL_set_accept_state(server.get());
  const bool asks = !client.curve.empty();
  SSL_set_verify(server.get(), asks ? SSL_CTX_get_verify_mode(context) : SSL_VERIFY_NONE,
                 &trust_anyone);
  return server;
}

// Null if such a client has no use for what is configured.
ssl_ptr make_client(SSL_CTX* context, const trial_client& wanted, const std::string& groups) {
  const bool is_today = wanted.strictness == trial_strictness::today;
  const bool is_lenient = wanted.strictness == trial_strictness::lenient;
  const auto signatures = signatures_of(wanted.key_type, is_today);
  ssl_ptr client(SSL_new(context));
  require(client ? 1 : 0);
  SSL* const ssl = client.get();
  if (!signatures) return nullptr;
  if (!signatures->empty()) require(SSL_set1_sigalgs_list(ssl, signatures->c_str()));
  require(SSL_set1_client_sigalgs_list(ssl, "ECDSA+SHA256:ECDSA+SHA384"));
  require(SSL_set_min_proto_version(ssl, wanted.version));
  require(SSL_set_max_proto_version(ssl, wanted.version));
  require(SSL_set_cipher_list(ssl, is_today ? suites_12_of_today : any_suite_12));
  if (!is_today) require(SSL_set_ciphersuites(ssl, any_suite_13));
  if (is_today) require(SSL_set1_groups_list(ssl, groups_of_today));
  if (is_lenient && SSL_set1_groups_list(ssl, groups.c_str()) != 1) return nullptr;
  SSL_set_max_cert_list(ssl, is_today ? message_bytes_of_today : message_bytes_max);
  SSL_set_connect_state(ssl);
  if (!wanted.curve.empty()) show_certificate(ssl, wanted.curve);
  return client;
}

void connect(SSL* client, SSL* server) {
  BIO* ours = nullptr;
  BIO* theirs = nullptr;
  constexpr std::size_t bytes_on_the_way_max = 256 * 1'024;
  require(BIO_new_bio_pair(&ours, bytes_on_the_way_max, &theirs, bytes_on_the_way_max));
  SSL_set_bio(client, ours, ours);
  SSL_set_bio(server, theirs, theirs);
}

bool goes_on(const SSL* ssl, int result) {
  if (result == 1) return true;
  const int error = SSL_get_error(ssl, result);
  return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

std::string failure() {
  const std::string reason = take_openssl_error();
  return reason.empty() ? "no reason given" : reason;
}

std::string shake_hands(SSL* client, SSL* server) {
  for (int i = 0; i < steps_max; ++i) {
    ERR_clear_error();
    const int theirs = SSL_do_handshake(client);
    if (!goes_on(client, theirs)) return failure();
    ERR_clear_error();
    const int ours = SSL_do_handshake(server);
    if (!goes_on(server, ours)) return failure();
    if (theirs == 1 && ours == 1) return {};
  }
  return "the handshake does not end";
}

}  // namespace

std::string try_handshake(SSL_CTX* context, const trial_client& wanted, const std::string& groups) {
  const ssl_ctx_ptr client_context(SSL_CTX_new(TLS_client_method()));
  require(client_context ? 1 : 0);
  const ssl_ptr client = make_client(client_context.get(), wanted, groups);
  if (!client) return "such clients know no key of this type";
  const ssl_ptr server = make_server(context, wanted);
  connect(client.get(), server.get());
  if (auto reason = shake_hands(client.get(), server.get()); !reason.empty()) return reason;
  if (!wanted.curve.empty() && SSL_get0_peer_certificate(server.get()) == nullptr)
    return "the client found no way to show its certificate";
  return {};
}

}  // namespace presenter::gateway
