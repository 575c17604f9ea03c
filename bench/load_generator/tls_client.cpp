#include "bench/load_generator/tls_client.hpp"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace presenter::bench {

namespace {

std::string openssl_error_text() {
  const unsigned long code = ERR_peek_last_error();
  const char* const reason = code == 0 ? nullptr : ERR_reason_error_string(code);
  ERR_clear_error();
  return reason == nullptr ? "unknown TLS error" : reason;
}

bool is_address(const std::string& name) {
  in6_addr parsed{};
  return ::inet_pton(AF_INET, name.c_str(), &parsed) == 1 ||
         ::inet_pton(AF_INET6, name.c_str(), &parsed) == 1;
}

void expect_name(SSL* tls, const std::string& name) {
  if (name.empty()) return;
  if (is_address(name)) {
    X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), name.c_str());
  } else {
    SSL_set_tlsext_host_name(tls, name.c_str());
    SSL_set1_host(tls, name.c_str());
  }
}

}  // namespace

tls_client_context::tls_client_context(const tls_settings& settings)
    : settings_(settings), context_(SSL_CTX_new(TLS_client_method())) {
  if (!context_) throw std::runtime_error("TLS context: " + openssl_error_text());
  SSL_CTX_set_min_proto_version(get(), TLS1_2_VERSION);
  if (settings.is_tls12) SSL_CTX_set_max_proto_version(get(), TLS1_2_VERSION);
  // Idle clients give their record buffers back: 15,000 of them share one process.
  SSL_CTX_set_mode(get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                              SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(get(), SSL_SESS_CACHE_OFF);
  if (!settings.verifies) return;
  SSL_CTX_set_verify(get(), SSL_VERIFY_PEER, nullptr);
  const bool loaded = settings.ca_file.empty() ? SSL_CTX_set_default_verify_paths(get()) == 1
                                               : SSL_CTX_load_verify_locations(
                                                     get(), settings.ca_file.c_str(), nullptr) == 1;
  if (!loaded)
    throw std::runtime_error("CA file " + settings.ca_file + ": " + openssl_error_text());
}

tls_client::tls_client(const tls_client_context& context, int fd) : tls_(SSL_new(context.get())) {
  if (!tls_ || SSL_set_fd(tls_.get(), fd) != 1) {
    throw std::runtime_error("TLS client: " + openssl_error_text());
  }
  expect_name(tls_.get(), context.settings().server_name);
  SSL_set_connect_state(tls_.get());
}

tls_result tls_client::classify(int returned) {
  switch (SSL_get_error(tls_.get(), returned)) {
    case SSL_ERROR_NONE:
      return {tls_status::done, 0};
    case SSL_ERROR_WANT_READ:
      return {tls_status::want_read, 0};
    case SSL_ERROR_WANT_WRITE:
      return {tls_status::want_write, 0};
    case SSL_ERROR_ZERO_RETURN:
      return {tls_status::ended, 0};
    case SSL_ERROR_SYSCALL:
      if (errno == 0) return {tls_status::truncated, 0};
      error_ = std::strerror(errno);
      return {tls_status::failed, 0};
    default:
      if (ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        ERR_clear_error();
        return {tls_status::truncated, 0};
      }
      error_ = openssl_error_text();
      return {tls_status::failed, 0};
  }
}

tls_result tls_client::handshake() {
  ERR_clear_error();
  errno = 0;
  return classify(SSL_do_handshake(tls_.get()));
}

tls_result tls_client::read(std::span<std::byte> into) {
  ERR_clear_error();
  errno = 0;
  std::size_t n = 0;
  const int returned = SSL_read_ex(tls_.get(), into.data(), into.size(), &n);
  return returned == 1 ? tls_result{tls_status::done, n} : classify(returned);
}

tls_result tls_client::write(std::span<const std::byte> from) {
  ERR_clear_error();
  errno = 0;
  std::size_t n = 0;
  const int returned = SSL_write_ex(tls_.get(), from.data(), from.size(), &n);
  return returned == 1 ? tls_result{tls_status::done, n} : classify(returned);
}

tls_result tls_client::close_notify() {
  ERR_clear_error();
  errno = 0;
  const int returned = SSL_shutdown(tls_.get());
  // 0: ours is out, the peer's is still to come.
  return returned >= 0 ? tls_result{tls_status::done, 0} : classify(returned);
}

}  // namespace presenter::bench
