// The client against a peer on loopback that answers whatever the test says, without TLS: what TLS
// adds is tested with other people's, by tests/integration/route53_test.py.
#include "base/net/https_client.hpp"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <optional>

#include "base/net/errc.hpp"
#include "tests/support/io_turns.hpp"

namespace presenter::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::chrono::milliseconds ask_time{60'000};

class HttpsClient : public ::testing::Test {
 protected:
  // Accepts one client, and answers when `request_end` has come; then closes, unless it stays.
  void serve(std::string reply, std::string request_end = "\r\n\r\n", bool stays = false) {
    acceptor.async_accept([=, this](error_code failed, tcp::socket socket) {
      ASSERT_FALSE(failed);
      peer = std::move(socket);
      read(reply, request_end, stays);
    });
  }
  void read(std::string reply, std::string request_end, bool stays) {
    peer->async_read_some(asio::buffer(piece), [=, this](error_code failed, std::size_t size) {
      if (failed) return;
      received.append(piece.data(), size);
      if (!received.ends_with(request_end)) return read(reply, request_end, stays);
      error_code ignored;
      asio::write(*peer, asio::buffer(reply), ignored);
      if (!stays) peer->shutdown(tcp::socket::shutdown_send, ignored);
    });
  }
  http_outcome ask(http_request request = {}, http_limits limits = {.timeout = ask_time}) {
    std::optional<http_outcome> outcome;
    client.ask(url(), std::move(request), limits,
               [&](http_outcome made) { outcome = std::move(made); });
    EXPECT_FALSE(outcome) << "called inside ask()";
    EXPECT_TRUE(tests::run_until(io, [&] { return outcome.has_value(); }));
    return outcome.value_or(http_outcome());
  }
  http_url url() {
    return {.is_tls = false, .host = "127.0.0.1", .port = acceptor.local_endpoint().port()};
  }

  asio::io_context io;
  tcp::acceptor acceptor{io, {asio::ip::address_v4::loopback(), 0}};
  https_client client{io};
  std::optional<tcp::socket> peer;
  std::array<char, 4'096> piece;
  std::string received;
};

TEST_F(HttpsClient, SendsARequestAndHasTheReply) {
  serve("HTTP/1.1 201 Created\r\nContent-Length: 5\r\nX-Word: Yes\r\n\r\nhello", "body");
  const auto outcome =
      ask({.method = "PUT", .target = "/a?b=c", .headers = {{"X-Some", "thing"}}, .body = "body"});
  EXPECT_FALSE(outcome.error) << outcome.text;
  EXPECT_EQ(outcome.reply.status, 201u);
  EXPECT_EQ(outcome.reply.body, "hello");
  EXPECT_EQ(outcome.reply.header("x-word"), "Yes");
  EXPECT_EQ(outcome.reply.header("x-other"), std::nullopt);
  EXPECT_TRUE(received.starts_with("PUT /a?b=c HTTP/1.1\r\n")) << received;
  for (const std::string& line :
       {"Host: " + url().authority(), std::string("X-Some: thing"),
        std::string("Content-Length: 4"), std::string("Connection: close")})
    EXPECT_NE(received.find(line + "\r\n"), std::string::npos) << received;
}

TEST_F(HttpsClient, TakesChunksAndWhatEndsWithTheConnection) {
  serve("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
        "\r\n\r\n", true);
  EXPECT_EQ(ask().reply.body, "abcde");
  received.clear();
  serve("HTTP/1.1 200 OK\r\n\r\nall of it");
  EXPECT_EQ(ask().reply.body, "all of it");
}

TEST_F(HttpsClient, NamesAReplyThatIsCutShort) {
  for (const char* reply :
       {"", "HTTP/1.1 200", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell"}) {
    received.clear();
    serve(reply);
    const auto outcome = ask();
    EXPECT_EQ(outcome.error, errc::reply_cut_short) << reply;
    EXPECT_EQ(outcome.text,
              url().authority() + ": the connection ended before the reply was whole");
  }
}

TEST_F(HttpsClient, NamesAReplyThatIsNoHttp) {
  serve("SSH-2.0-OpenSSH_9.2\r\n\r\n");
  EXPECT_EQ(ask().error, errc::reply_invalid);
}

TEST_F(HttpsClient, NamesAReplyThatIsTooLarge) {
  serve("HTTP/1.1 200 OK\r\nContent-Length: 101\r\n\r\n" + std::string(101, 'x'));
  EXPECT_EQ(ask({}, {.timeout = ask_time, .reply_bytes_max = 100}).error, errc::reply_too_large);
  received.clear();
  serve("HTTP/1.1 200 OK\r\nX-Much: " + std::string(https_client::header_bytes_max, 'x') +
        "\r\n\r\n");
  EXPECT_EQ(ask().error, errc::reply_too_large);
}

TEST_F(HttpsClient, EndsAPeerThatSaysNothing) {
  serve("", "never");
  const auto outcome = ask({}, {.timeout = std::chrono::milliseconds(50)});
  EXPECT_EQ(outcome.error, asio::error::timed_out);
  EXPECT_EQ(outcome.text, url().authority() + ": took too long: its reply");
}

TEST_F(HttpsClient, SaysThatNobodyListens) {
  const http_url gone = url();
  acceptor.close();
  std::optional<http_outcome> outcome;
  client.ask(gone, {}, {.timeout = ask_time},
             [&](http_outcome made) { outcome = std::move(made); });
  ASSERT_TRUE(tests::run_until(io, [&] { return outcome.has_value(); }));
  EXPECT_EQ(outcome->error, asio::error::connection_refused);
  EXPECT_NE(outcome->text.find("cannot connect: 127.0.0.1: Connection refused"), std::string::npos)
      << outcome->text;
}

TEST_F(HttpsClient, RefusesAPeerWithoutTls) {
  serve("HTTP/1.1 400 Bad Request\r\n\r\n", "");
  http_url secure = url();
  secure.is_tls = true;
  std::optional<http_outcome> outcome;
  client.ask(secure, {}, {.timeout = ask_time},
             [&](http_outcome made) { outcome = std::move(made); });
  ASSERT_TRUE(tests::run_until(io, [&] { return outcome.has_value(); }));
  EXPECT_EQ(outcome->error, errc::tls_failed) << outcome->text;
}

TEST_F(HttpsClient, CallsNobodyAfterItsEnd) {
  bool is_called = false;
  {
    https_client brief(io);
    serve("", "never");
    brief.ask(url(), {}, {.timeout = ask_time}, [&](http_outcome) { is_called = true; });
    ASSERT_TRUE(tests::run_until(io, [&] { return !received.empty(); }));
  }
  tests::run_until_quiet(io);
  EXPECT_FALSE(is_called);
}

TEST(HttpsClientTrust, SaysWhichCertificatesCannotBeRead) {
  asio::io_context io;
  https_client client(io, "/nonexistent/ca.pem");
  std::optional<http_outcome> outcome;
  client.ask({.host = "127.0.0.1"}, {}, {}, [&](http_outcome made) { outcome = std::move(made); });
  ASSERT_TRUE(tests::run_until(io, [&] { return outcome.has_value(); }));
  EXPECT_EQ(outcome->error, errc::tls_failed);
  EXPECT_NE(outcome->text.find("/nonexistent/ca.pem"), std::string::npos) << outcome->text;
}

}  // namespace
}  // namespace presenter::net
