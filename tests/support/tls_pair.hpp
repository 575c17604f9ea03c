// An OpenSSL client and an OpenSSL server on memory BIOs, after a TLS 1.3 handshake of one suite:
// either end can be taken away and its records detached.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "gateway/tls/records/tls_records.hpp"
#include "gateway/tls/records/tls_traffic_secrets.hpp"
#include "tests/support/record_forge.hpp"

namespace presenter::testing {

struct ssl_freer {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

// One end. Confined to: the test.
class ssl_end {
 public:
  ssl_end() = default;
  ssl_end(SSL_CTX* context, bool is_server);

  SSL* ssl() const { return ssl_.get(); }

  void give(std::span<const std::byte> records);  // what the other end has sent
  byte_string take();                             // what this end has to send
  bool step_handshake();                          // true once it is through

  void write(std::string_view plaintext);
  // All there is; empty if there is nothing, or at the end, or after an error.
  std::string read();
  // Of the read that came back with nothing.
  int read_error() const { return read_error_; }
  // KeyUpdate now: SSL_KEY_UPDATE_REQUESTED or _NOT_REQUESTED.
  void key_update(int type);
  void finish();  // close_notify
  bool has_close_notify() const;

 private:
  std::unique_ptr<SSL, ssl_freer> ssl_;
  BIO* in_ = nullptr;   // owned by ssl_
  BIO* out_ = nullptr;  // owned by ssl_
  int read_error_ = 0;
};

// Life: the handshake is done when it is constructed, and the tickets are with the client.
class tls_pair {
 public:
  explicit tls_pair(gateway::tls_suite suite, std::size_t tickets = 1);

  ssl_end client;
  ssl_end server;

  // What one end's records need to go on without it.
  gateway::tls_detached server_side() const;
  gateway::tls_detached client_side() const;

 private:
  static void on_key_log(const SSL* ssl, const char* line);

  std::unique_ptr<SSL_CTX, ssl_freer> client_context_;
  std::unique_ptr<SSL_CTX, ssl_freer> server_context_;
  gateway::tls_suite suite_;
  gateway::tls_traffic_secrets secrets_;
  std::uint64_t ticket_records_ = 0;
};

}  // namespace presenter::testing
