// What other libraries put on a stream: TLS inside the gateway's, and a WebSocket.
#include <openssl/ssl.h>

#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/stream.hpp>

#include "protocol/backend_sdk/websocket.hpp"
#include "tests/unit/protocol/backend_sdk/sdk_fixture.hpp"

namespace presenter::protocol::test {
namespace {

namespace websocket = boost::beast::websocket;
using boost::system::system_error;

// Two streams whose clients are each other: what one sends, the other receives.
class Layers : public sdk_fixture {
 protected:
  void SetUp() override {
    start();
    one_far_ = &gateway->open("one");
    one = accept();
    two_far_ = &gateway->open("two");
    two = accept();
  }

  void run(asio::awaitable<void> first, asio::awaitable<void> second) {
    int ended = 0;
    const auto on_end = [&ended](const std::exception_ptr& thrown) {
      ++ended;
      if (thrown) std::rethrow_exception(thrown);
    };
    asio::co_spawn(io, std::move(first), on_end);
    asio::co_spawn(io, std::move(second), on_end);
    EXPECT_TRUE(run_until(io, [&] {
      pass(*one_far_, *two_far_);
      pass(*two_far_, *one_far_);
      return ended == 2;
    }));
  }

  mux_stream one, two;

 private:
  static void pass(gateway_stream& from, gateway_stream& to) {
    if (!from.received.empty()) to.send(std::exchange(from.received, {}));
  }

  gateway_stream* one_far_ = nullptr;
  gateway_stream* two_far_ = nullptr;
};

// No certificates: it is the stream that is tried here.
asio::ssl::context anonymous() {
  asio::ssl::context context(asio::ssl::context::tlsv12);
  SSL_CTX_set_cipher_list(context.native_handle(), "AECDH-AES128-SHA:@SECLEVEL=0");
  return context;
}

asio::awaitable<void> tls_ask(asio::ssl::stream<mux_stream>& stream, std::string& answer) {
  co_await stream.async_handshake(asio::ssl::stream_base::client, asio::use_awaitable);
  co_await asio::async_write(stream, asio::buffer("ping", 4), asio::use_awaitable);
  answer.resize(4);
  co_await asio::async_read(stream, asio::buffer(answer), asio::use_awaitable);
}

asio::awaitable<void> tls_answer(asio::ssl::stream<mux_stream>& stream) {
  co_await stream.async_handshake(asio::ssl::stream_base::server, asio::use_awaitable);
  std::string question(4, '\0');
  co_await asio::async_read(stream, asio::buffer(question), asio::use_awaitable);
  co_await asio::async_write(stream, asio::buffer(question), asio::use_awaitable);
}

TEST_F(Layers, TlsRunsOnAStream) {
  auto context = anonymous();
  asio::ssl::stream<mux_stream> client(std::move(one), context);
  asio::ssl::stream<mux_stream> server(std::move(two), context);
  EXPECT_EQ(&server.lowest_layer(), &server.next_layer());
  std::string answer;
  run(tls_ask(client, answer), tls_answer(server));
  EXPECT_EQ(answer, "ping");
}

asio::awaitable<void> ask(websocket::stream<mux_stream>& stream, std::string& answer) {
  co_await stream.async_handshake("chat", "/", asio::use_awaitable);
  co_await stream.async_write(asio::buffer("hello", 5), asio::use_awaitable);
  boost::beast::flat_buffer read;
  co_await stream.async_read(read, asio::use_awaitable);
  answer = boost::beast::buffers_to_string(read.data());
  co_await stream.async_close(websocket::close_code::normal, asio::use_awaitable);
}

asio::awaitable<void> answer_until_closed(websocket::stream<mux_stream>& stream, error_code& end) {
  co_await stream.async_accept(asio::use_awaitable);
  boost::beast::flat_buffer read;
  while (!end) {
    read.clear();
    co_await stream.async_read(read, asio::redirect_error(asio::use_awaitable, end));
    if (!end)
      co_await stream.async_write(read.data(), asio::redirect_error(asio::use_awaitable, end));
  }
}

TEST_F(Layers, AWebSocketRunsOnAStream) {
  websocket::stream<mux_stream> client(std::move(one));
  websocket::stream<mux_stream> server(std::move(two));
  std::string answer;
  error_code end;
  run(ask(client, answer), answer_until_closed(server, end));
  EXPECT_EQ(answer, "hello");
  EXPECT_EQ(end, websocket::error::closed);
  EXPECT_FALSE(server.next_layer().is_open());
}

}  // namespace
}  // namespace presenter::protocol::test
