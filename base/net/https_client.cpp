#include "base/net/https_client.hpp"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

#include <algorithm>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "base/net/connector.hpp"
#include "base/net/errc.hpp"

namespace presenter::net {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using boost::system::error_code;
using std::chrono::milliseconds;
// 34 KiB of buffers, for the second or so that a request takes.
using tls_stream = asio::ssl::stream<tcp_socket>;

// Whether the connection ended before the reply was whole.
bool is_cut(error_code error) {
  return error == asio::error::eof || error == asio::error::connection_reset ||
         error == asio::error::broken_pipe || error == asio::ssl::error::stream_truncated ||
         error == http::error::end_of_stream || error == http::error::partial_message;
}

// What is wrong with a reply, as whoever asked can act on it.
error_code translated(error_code error) {
  if (is_cut(error)) return errc::reply_cut_short;
  if (error == http::error::body_limit || error == http::error::header_limit ||
      error == http::error::buffer_overflow)
    return errc::reply_too_large;
  if (error.category() == http::make_error_code(http::error::end_of_stream).category())
    return errc::reply_invalid;
  if (error.category() == asio::error::get_ssl_category()) return errc::tls_failed;
  return error;
}

bool is_address(const std::string& host) {
  error_code no_address;
  asio::ip::make_address(host, no_address);
  return !no_address;
}

// RFC 6066 §3 and RFC 9525: an address is asked for by no name, and stands in a certificate as an
// address.
bool expect_host(SSL* tls, const std::string& host) {
  if (is_address(host))
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(tls), host.c_str()) == 1;
  return SSL_set_tlsext_host_name(tls, host.c_str()) == 1 && SSL_set1_host(tls, host.c_str()) == 1;
}

}  // namespace

// Life: held by its own waits until finish() or cancel(), and by the client.
class https_client::exchange : public std::enable_shared_from_this<exchange> {
 public:
  exchange(asio::io_context& io, http_url to, handler done)
      : io_(io), to_(std::move(to)), deadline_(io), done_(std::move(done)) {}

  void start(resolver& names, const http_request& request, const http_limits& limits,
             const std::filesystem::path& ca_file);
  void cancel();

 private:
  void prepare(const http_request& request, const http_limits& limits);
  error_code prepare_tls(const std::filesystem::path& ca_file);
  void connect(const resolved_name& name);
  void on_connected(error_code failed, tcp_socket socket,
                    const std::vector<connect_attempt>& attempts);
  void shake_hands();
  template <class Stream>
  void send(Stream& stream);
  template <class Stream>
  void receive(Stream& stream);
  void on_reply();
  void on_deadline();
  void fail(error_code error, std::string text);
  void finish(http_outcome outcome);
  std::string tls_failure(error_code failed) const;

  asio::io_context& io_;
  const http_url to_;
  asio::steady_timer deadline_;
  handler done_;                              // empty: it is over
  std::string_view doing_ = "looking it up";  // when the time is over
  std::optional<asio::ssl::context> trust_;   // before the stream that refers to it
  std::shared_ptr<connector> connector_;
  std::optional<tcp_socket> plain_;
  std::optional<tls_stream> tls_;
  http::request<http::string_body> request_;
  http::response_parser<http::string_body> parser_;
  beast::flat_buffer buffer_{header_bytes_max + 64 * 1'024};
};

void https_client::exchange::start(resolver& names, const http_request& request,
                                   const http_limits& limits,
                                   const std::filesystem::path& ca_file) {
  prepare(request, limits);
  deadline_.expires_after(limits.timeout);
  deadline_.async_wait([self = shared_from_this()](error_code cancelled) {
    if (!cancelled && self->done_) self->on_deadline();
  });
  const error_code untrusting = to_.is_tls ? prepare_tls(ca_file) : error_code();
  if (untrusting) {
    return asio::post(io_, [self = shared_from_this(), untrusting, ca_file] {
      if (self->done_)
        self->fail(errc::tls_failed,
                   "its certificate cannot be verified: " +
                       (ca_file.empty() ? "the system's certificates" : ca_file.string()) + ": " +
                       untrusting.message());
    });
  }
  names.resolve(to_.host, [self = shared_from_this()](const resolved_name& name) {
    if (self->done_) self->connect(name);
  });
}

void https_client::exchange::cancel() {
  done_ = nullptr;
  deadline_.cancel();
  if (connector_) connector_->cancel();
  error_code ignored;
  if (plain_) plain_->close(ignored);
  if (tls_) tls_->next_layer().close(ignored);
}

void https_client::exchange::prepare(const http_request& request, const http_limits& limits) {
  request_.version(11);
  request_.method_string(request.method);
  request_.target(request.target);
  request_.set(http::field::host, to_.authority());
  for (const auto& [name, value] : request.headers)
    request_.set(name, value);
  request_.set(http::field::connection, "close");
  request_.body() = request.body;
  if (!request.body.empty() || request.method != "GET")
    request_.content_length(request.body.size());
  parser_.header_limit(header_bytes_max);
  parser_.body_limit(limits.reply_bytes_max);
}

error_code https_client::exchange::prepare_tls(const std::filesystem::path& ca_file) {
  trust_.emplace(asio::ssl::context::tls_client);
  error_code failed;
  SSL_CTX_set_min_proto_version(trust_->native_handle(), TLS1_2_VERSION);
  trust_->set_verify_mode(asio::ssl::verify_peer, failed);
  if (!failed && ca_file.empty()) trust_->set_default_verify_paths(failed);
  if (!failed && !ca_file.empty()) trust_->load_verify_file(ca_file.string(), failed);
  return failed;
}

void https_client::exchange::connect(const resolved_name& name) {
  if (name.all.empty()) return fail(name.failed, "cannot look it up: " + name.failed.message());
  doing_ = "connecting";
  connector_ = std::make_shared<connector>(io_, interleaved(name.all, to_.port));
  const auto left = deadline_.expiry() - std::chrono::steady_clock::now();
  connector_->start(
      std::max(std::chrono::ceil<milliseconds>(left), milliseconds(1)),
      [self = shared_from_this()](error_code failed, tcp_socket socket, const auto& attempts) {
        if (self->done_) self->on_connected(failed, std::move(socket), attempts);
      });
}

void https_client::exchange::on_connected(error_code failed, tcp_socket socket,
                                          const std::vector<connect_attempt>& attempts) {
  if (failed) return fail(failed, "cannot connect: " + text_of(attempts));
  if (to_.is_tls) {
    tls_.emplace(std::move(socket), *trust_);
    return shake_hands();
  }
  plain_.emplace(std::move(socket));
  send(*plain_);
}

void https_client::exchange::shake_hands() {
  doing_ = "its TLS handshake";
  if (!expect_host(tls_->native_handle(), to_.host))
    return fail(errc::tls_failed, "a certificate cannot have this name");
  tls_->async_handshake(asio::ssl::stream_base::client,
                        [self = shared_from_this()](error_code failed) {
                          if (!self->done_) return;
                          if (failed)
                            return self->fail(errc::tls_failed, self->tls_failure(failed));
                          self->send(*self->tls_);
                        });
}

std::string https_client::exchange::tls_failure(error_code failed) const {
  const long verdict = SSL_get_verify_result(const_cast<tls_stream&>(*tls_).native_handle());
  if (verdict == X509_V_OK) return "its TLS handshake failed: " + failed.message();
  return std::string("its certificate is refused: ") + X509_verify_cert_error_string(verdict);
}

template <class Stream>
void https_client::exchange::send(Stream& stream) {
  doing_ = "its reply";
  http::async_write(stream, request_,
                    [self = shared_from_this(), &stream](error_code failed, std::size_t) {
                      if (!self->done_) return;
                      // Who refuses a request early has answered, and reads no more of it.
                      if (failed && !is_cut(failed))
                        return self->fail(translated(failed), "cannot send: " + failed.message());
                      self->receive(stream);
                    });
}

template <class Stream>
void https_client::exchange::receive(Stream& stream) {
  http::async_read(stream, buffer_, parser_,
                   [self = shared_from_this()](error_code failed, std::size_t) {
                     if (!self->done_) return;
                     if (!failed) return self->on_reply();
                     const error_code known = translated(failed);
                     self->fail(known, known == failed || is_cut(failed)
                                           ? known.message()
                                           : known.message() + ": " + failed.message());
                   });
}

void https_client::exchange::on_reply() {
  http_outcome outcome;
  outcome.reply.status = parser_.get().result_int();
  for (const auto& field : parser_.get())
    outcome.reply.headers.push_back({std::string(field.name_string()), std::string(field.value())});
  outcome.reply.body = std::move(parser_.get().body());
  finish(std::move(outcome));
}

void https_client::exchange::on_deadline() {
  fail(asio::error::timed_out, "took too long: " + std::string(doing_));
}

void https_client::exchange::fail(error_code error, std::string text) {
  finish({.error = error, .text = to_.authority() + ": " + std::move(text), .reply = {}});
}

void https_client::exchange::finish(http_outcome outcome) {
  const handler done = std::exchange(done_, nullptr);
  cancel();
  done(std::move(outcome));
}

https_client::https_client(asio::io_context& io, std::filesystem::path ca_file,
                           resolver_options names)
    : io_(io), ca_file_(std::move(ca_file)), names_(io.get_executor(), std::move(names)) {}

https_client::~https_client() {
  if (current_) current_->cancel();
}

void https_client::ask(const http_url& to, http_request request, const http_limits& limits,
                       handler done) {
  if (current_) current_->cancel();
  current_ = std::make_shared<exchange>(io_, to, std::move(done));
  current_->start(names_, request, limits, ca_file_);
}

}  // namespace presenter::net
