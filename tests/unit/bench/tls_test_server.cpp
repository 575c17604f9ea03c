#include "tests/unit/bench/tls_test_server.hpp"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/impl/src.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>

namespace presenter::bench {

namespace {

std::string take_text(BIO* bio) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

void add_alternative_name(X509* certificate, const char* name) {
  X509_EXTENSION* const extension =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, name);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

}  // namespace

test_certificate make_test_certificate() {
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = X509_new();
  constexpr long valid_seconds = 3'600;
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -valid_seconds);
  X509_gmtime_adj(X509_getm_notAfter(certificate), valid_seconds);
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("chat.test"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  add_alternative_name(certificate, "DNS:chat.test");
  X509_set_pubkey(certificate, key);
  X509_sign(certificate, key, EVP_sha256());
  BIO* const certificate_text = BIO_new(BIO_s_mem());
  PEM_write_bio_X509(certificate_text, certificate);
  BIO* const key_text = BIO_new(BIO_s_mem());
  PEM_write_bio_PrivateKey(key_text, key, nullptr, nullptr, 0, nullptr, nullptr);
  X509_free(certificate);
  EVP_PKEY_free(key);
  return {take_text(certificate_text), take_text(key_text)};
}

tls_test_server::tls_test_server() : acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
  tls_.use_certificate(asio::buffer(certificate_.certificate_pem), asio::ssl::context::pem);
  tls_.use_private_key(asio::buffer(certificate_.private_key_pem), asio::ssl::context::pem);
}

tls_test_server::~tls_test_server() {
  io_.stop();
  if (thread_.joinable()) thread_.join();
}

void tls_test_server::start_thread() {
  asio::co_spawn(io_, accept_clients(), [](const std::exception_ptr& thrown) {
    if (thrown) std::rethrow_exception(thrown);
  });
  thread_ = std::thread([this] { io_.run(); });
}

std::string tls_test_server::address() const {
  return "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
}

void tls_test_server::cut_off_everyone() {
  boost::system::error_code ignored;
  for (auto* const each : open_)
    each->next_layer().close(ignored);
}

asio::awaitable<void> tls_test_server::accept_clients() {
  while (true) {
    asio::ip::tcp::socket socket = co_await acceptor_.async_accept(asio::use_awaitable);
    socket.set_option(asio::ip::tcp::no_delay(true));
    auto session = serve_client(std::move(socket));
    asio::co_spawn(io_, std::move(session), [](const std::exception_ptr& thrown) {
      if (thrown) std::rethrow_exception(thrown);
    });
  }
}

asio::awaitable<void> tls_test_server::serve_client(asio::ip::tcp::socket socket) {
  auto stream = std::make_unique<tls_test_stream::tls>(std::move(socket), tls_);
  auto* const raw = stream.get();
  boost::system::error_code failed;
  co_await raw->async_handshake(asio::ssl::stream_base::server,
                                asio::redirect_error(asio::use_awaitable, failed));
  if (failed) {
    ++failed_handshakes_;
    co_return;
  }
  open_.insert(raw);
  auto session = serve_(tls_test_stream(std::move(stream)));
  co_await std::move(session);
  open_.erase(raw);
}

}  // namespace presenter::bench
