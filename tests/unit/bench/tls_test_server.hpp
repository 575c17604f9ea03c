// A chat or echo server behind TLS on loopback, in its own thread, with a throw-away certificate:
// what the load generator is tested against, without a gateway. The sessions are the chat
// backend's.
#pragma once

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <thread>

#include "bench/chat_backend/chat_service.hpp"

namespace presenter::bench {

namespace asio = boost::asio;

// A self-signed certificate for "chat.test", and its key.
struct test_certificate {
  std::string certificate_pem;
  std::string private_key_pem;
};
test_certificate make_test_certificate();

// A TLS connection that the session templates take like a socket. Movable, as they ask.
class tls_test_stream {
 public:
  using tls = asio::ssl::stream<asio::ip::tcp::socket>;
  using executor_type = tls::executor_type;

  explicit tls_test_stream(std::unique_ptr<tls> stream) : stream_(std::move(stream)) {}

  executor_type get_executor() { return stream_->get_executor(); }
  template <class Buffers, class Token>
  auto async_read_some(const Buffers& buffers, Token&& token) {
    return stream_->async_read_some(buffers, std::forward<Token>(token));
  }
  template <class Buffers, class Token>
  auto async_write_some(const Buffers& buffers, Token&& token) {
    return stream_->async_write_some(buffers, std::forward<Token>(token));
  }
  void shutdown() {}
  void close() {
    boost::system::error_code ignored;
    stream_->next_layer().close(ignored);
  }

 private:
  std::unique_ptr<tls> stream_;
};

// Life: ends its thread when destroyed. Confined to: `post` from any thread, all else its own.
class tls_test_server {
 public:
  using serve_function = std::function<asio::awaitable<void>(tls_test_stream)>;

  tls_test_server();
  ~tls_test_server();

  // Before start_thread.
  void serve_with(serve_function serve) { serve_ = std::move(serve); }
  void start_thread();

  std::string address() const;
  const test_certificate& certificate() const { return certificate_; }
  asio::io_context& io() { return io_; }

  // Any thread: clients that did not like the certificate.
  unsigned failed_handshakes() const { return failed_handshakes_; }

  // Breaks every TLS connection, as a dying machine would. On the server's thread only.
  void cut_off_everyone();

 private:
  asio::awaitable<void> accept_clients();
  asio::awaitable<void> serve_client(asio::ip::tcp::socket socket);

  const test_certificate certificate_ = make_test_certificate();
  asio::io_context io_{1};
  asio::ssl::context tls_{asio::ssl::context::tls_server};
  asio::ip::tcp::acceptor acceptor_;
  serve_function serve_;
  std::set<tls_test_stream::tls*> open_;
  std::atomic<unsigned> failed_handshakes_ = 0;
  std::thread thread_;
};

}  // namespace presenter::bench
