// The client's end of one TLS connection on a non-blocking descriptor, with OpenSSL on the
// descriptor itself. Every call does what it can now and says what it is waiting for.
#pragma once

#include <openssl/ssl.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace presenter::bench {

struct tls_settings {
  std::string ca_file;      // empty: the system's
  std::string server_name;  // SNI and the name in the certificate; a name or an address
  bool verifies = true;
  bool is_tls12 = false;  // knows nothing newer
};

// One context for all clients of a thread. Errors: std::runtime_error with OpenSSL's own text.
class tls_client_context {
 public:
  explicit tls_client_context(const tls_settings&);

  const tls_settings& settings() const { return settings_; }
  SSL_CTX* get() const { return context_.get(); }

 private:
  struct free_context {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  };
  tls_settings settings_;
  std::unique_ptr<SSL_CTX, free_context> context_;
};

enum class tls_status {
  done,        // it went through, `bytes` of them
  want_read,   // again when the descriptor is readable
  want_write,  // again when it is writable
  ended,       // the peer said close_notify
  truncated,   // the peer's TCP ended without
  failed,      // last_error() says why
};

struct tls_result {
  tls_status status = tls_status::failed;
  std::size_t bytes = 0;
};

// Life: the descriptor stays the caller's, and outlives it. Confined to: one thread.
class tls_client {
 public:
  tls_client(const tls_client_context&, int fd);

  tls_result handshake();
  tls_result read(std::span<std::byte> into);
  tls_result write(std::span<const std::byte> from);
  tls_result close_notify();

  // More to read without the descriptor being readable.
  bool has_pending() const { return SSL_has_pending(tls_.get()) != 0; }
  const std::string& last_error() const { return error_; }

 private:
  struct free_tls {
    void operator()(SSL* tls) const { SSL_free(tls); }
  };
  tls_result classify(int returned);

  std::unique_ptr<SSL, free_tls> tls_;
  std::string error_;
};

}  // namespace presenter::bench
