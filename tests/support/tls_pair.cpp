#include "tests/support/tls_pair.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <array>
#include <stdexcept>

namespace presenter::testing {
namespace {

void require(bool ok, const char* what) {
  if (!ok) throw std::runtime_error(what);
}

const char* name_of(gateway::tls_suite suite) {
  switch (suite) {
    case gateway::tls_suite::aes_128_gcm_sha256:
      return "TLS_AES_128_GCM_SHA256";
    case gateway::tls_suite::aes_256_gcm_sha384:
      return "TLS_AES_256_GCM_SHA384";
    case gateway::tls_suite::chacha20_poly1305_sha256:
      return "TLS_CHACHA20_POLY1305_SHA256";
    default:
      break;  // of TLS 1.2
  }
  return "";
}

struct identity {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key{EVP_EC_gen("P-256"), &EVP_PKEY_free};
  std::unique_ptr<X509, decltype(&X509_free)> certificate{X509_new(), &X509_free};

  identity() {
    X509_set_version(certificate.get(), X509_VERSION_3);
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), 3'600);
    X509_set_pubkey(certificate.get(), key.get());
    require(X509_sign(certificate.get(), key.get(), EVP_sha256()) != 0, "certificate");
  }
};

SSL_CTX* make_context(const SSL_METHOD* method, gateway::tls_suite suite) {
  SSL_CTX* const context = SSL_CTX_new(method);
  require(SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1, "version");
  require(SSL_CTX_set_ciphersuites(context, name_of(suite)) == 1, "suite");
  return context;
}

std::uint64_t count_records(std::span<const std::byte> bytes) {
  std::uint64_t count = 0;
  for (; !bytes.empty(); ++count) {
    const auto length =
        std::to_integer<std::size_t>(bytes[3]) << 8 | std::to_integer<std::size_t>(bytes[4]);
    bytes = bytes.subspan(5 + length);
  }
  return count;
}

}  // namespace

ssl_end::ssl_end(SSL_CTX* context, bool is_server)
    : ssl_(SSL_new(context)), in_(BIO_new(BIO_s_mem())), out_(BIO_new(BIO_s_mem())) {
  BIO_set_mem_eof_return(in_, -1);
  SSL_set_bio(ssl_.get(), in_, out_);
  is_server ? SSL_set_accept_state(ssl_.get()) : SSL_set_connect_state(ssl_.get());
}

void ssl_end::give(std::span<const std::byte> records) {
  if (records.empty()) return;
  BIO_write(in_, records.data(), static_cast<int>(records.size()));
}

byte_string ssl_end::take() {
  byte_string bytes(BIO_ctrl_pending(out_));
  if (!bytes.empty()) BIO_read(out_, bytes.data(), static_cast<int>(bytes.size()));
  return bytes;
}

bool ssl_end::step_handshake() {
  ERR_clear_error();
  return SSL_do_handshake(ssl_.get()) == 1;
}

void ssl_end::write(std::string_view plaintext) {
  ERR_clear_error();
  const auto size = static_cast<int>(plaintext.size());
  require(SSL_write(ssl_.get(), plaintext.data(), size) == size, "SSL_write");
}

std::string ssl_end::read() {
  std::string text;
  std::array<char, 16'384> piece;
  for (;;) {
    ERR_clear_error();
    const int n = SSL_read(ssl_.get(), piece.data(), static_cast<int>(piece.size()));
    if (n <= 0) {
      read_error_ = SSL_get_error(ssl_.get(), n);
      return text;
    }
    text.append(piece.data(), static_cast<std::size_t>(n));
  }
}

void ssl_end::key_update(int type) {
  require(SSL_key_update(ssl_.get(), type) == 1 && SSL_do_handshake(ssl_.get()) == 1, "KeyUpdate");
}

void ssl_end::finish() {
  SSL_shutdown(ssl_.get());
}

bool ssl_end::has_close_notify() const {
  return (SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0;
}

void tls_pair::on_key_log(const SSL* ssl, const char* line) {
  static_cast<tls_pair*>(SSL_get_app_data(ssl))->secrets_.add_line(line);
}

tls_pair::tls_pair(gateway::tls_suite suite, std::size_t tickets)
    : client_context_(make_context(TLS_client_method(), suite)),
      server_context_(make_context(TLS_server_method(), suite)),
      suite_(suite) {
  static const identity self;
  require(SSL_CTX_use_certificate(server_context_.get(), self.certificate.get()) == 1 &&
              SSL_CTX_use_PrivateKey(server_context_.get(), self.key.get()) == 1,
          "certificate");
  require(SSL_CTX_set_num_tickets(server_context_.get(), tickets) == 1, "tickets");
  SSL_CTX_set_keylog_callback(server_context_.get(), on_key_log);

  client = ssl_end(client_context_.get(), false);
  server = ssl_end(server_context_.get(), true);
  SSL_set_app_data(server.ssl(), this);
  client.step_handshake();
  server.give(client.take());
  server.step_handshake();
  client.give(server.take());
  require(client.step_handshake(), "handshake of the client");
  server.give(client.take());
  require(server.step_handshake(), "handshake of the server");
  const byte_string behind = server.take();
  ticket_records_ = count_records(behind);
  client.give(behind);
  require(client.read().empty() && client.read_error() == SSL_ERROR_WANT_READ, "tickets");
  require(secrets_.is_complete(suite), "key log");
}

gateway::tls_detached tls_pair::server_side() const {
  return {suite_, secrets_.client(), secrets_.server(), 0, ticket_records_};
}

gateway::tls_detached tls_pair::client_side() const {
  return {suite_, secrets_.server(), secrets_.client(), ticket_records_, 0};
}

}  // namespace presenter::testing
