// The same session code, once over a TCP socket and once over a stream: nothing in it knows which.
#include <boost/asio/connect.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/stream_traits.hpp>

#include "tests/unit/protocol/backend_sdk/sdk_fixture.hpp"

namespace presenter::protocol::test {
namespace {

static_assert(boost::beast::is_async_stream<mux_stream>::value);
static_assert(boost::beast::is_async_stream<tcp::socket>::value);

// --- the session under test
// -----------------------------------------------------------------------

// A line gives a size; that many bytes follow and are sent back, "ok" behind them. At the client's
// end the session says "bye" and finishes.
template <class Stream>
asio::awaitable<std::size_t> serve(Stream stream) {
  std::size_t messages = 0;
  std::string input;
  for (;;) {
    auto [error, line_size] =
        co_await asio::async_read_until(stream, asio::dynamic_buffer(input), '\n', as_result);
    if (error == asio::error::eof) break;
    if (error) throw boost::system::system_error(error);
    const std::size_t size = std::stoul(input.substr(0, line_size));
    input.erase(0, line_size);

    std::string body = input.substr(0, size);
    input.erase(0, body.size());
    const std::size_t have = body.size();
    body.resize(size);
    co_await asio::async_read(stream, asio::buffer(body.data() + have, size - have),
                              asio::use_awaitable);
    const std::string ok = "ok\n";
    const std::array<asio::const_buffer, 2> answer{asio::buffer(body), asio::buffer(ok)};
    co_await asio::async_write(stream, answer, asio::use_awaitable);
    ++messages;
  }
  co_await asio::async_write(stream, asio::buffer("bye\n", 4), asio::use_awaitable);
  stream.shutdown(asio::socket_base::shutdown_send);
  co_return messages;
}

// --- the two kinds of far end
// ---------------------------------------------------------------------

class tcp_world {
 public:
  tcp_world() : client_(io) {
    tcp::acceptor listener(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    client_.connect(listener.local_endpoint());
    server_.emplace(listener.accept());
    client_.non_blocking(true);
  }
  tcp::socket take() { return std::move(*server_); }
  void send(std::string_view text) { unsent_ += text; }
  void finish() { finish_after_ = true; }
  bool step() {  // true once the server has finished
    error_code error;
    unsent_.erase(0, client_.write_some(asio::buffer(unsent_), error));
    if (unsent_.empty() && finish_after_) client_.shutdown(tcp::socket::shutdown_send, error);
    std::array<char, 65'536> bytes;
    const std::size_t n = client_.read_some(asio::buffer(bytes), error);
    received.append(bytes.data(), n);
    return error == asio::error::eof;
  }
  asio::io_context io;
  std::string received;

 private:
  tcp::socket client_;
  std::optional<tcp::socket> server_;
  std::string unsent_;
  bool finish_after_ = false;
};

class mux_world : public sdk_fixture {
 public:
  using sdk_fixture::io;
  mux_world() {
    start();
    far_ = &gateway->open();
    server_ = accept();
  }
  mux_stream take() { return std::move(server_); }
  void send(std::string_view text) { far_->send(text); }
  void finish() { far_->finish(); }
  bool step() {
    received = far_->received;
    return far_->finished;
  }
  std::string received;

 private:
  void TestBody() override {}
  gateway_stream* far_ = nullptr;
  mux_stream server_;
};

template <class World>
class Session : public ::testing::Test {};
using worlds = ::testing::Types<tcp_world, mux_world>;
TYPED_TEST_SUITE(Session, worlds);

template <class World>
std::optional<std::size_t> run_session(World& world) {
  std::optional<std::size_t> served;
  asio::co_spawn(world.io, serve(world.take()), [&](std::exception_ptr thrown, std::size_t n) {
    EXPECT_FALSE(thrown);
    served = n;
  });
  bool finished = false;
  EXPECT_TRUE(run_until(world.io, [&] {
    finished = world.step() || finished;
    world.io.poll();
    return finished && served;
  }));
  return served;
}

TYPED_TEST(Session, AnswersSmallMessagesAndSaysGoodbye) {
  TypeParam world;
  world.send("5\nhello3\n");
  world.send("you");
  world.finish();
  EXPECT_EQ(run_session(world), 2U);
  EXPECT_EQ(world.received, "hellook\nyouok\nbye\n");
}

TYPED_TEST(Session, CarriesMessagesLargerThanAnyWindow) {
  TypeParam world;
  const std::string body = pattern(1'000'000);
  world.send(std::to_string(body.size()) + "\n" + body);
  world.finish();
  EXPECT_EQ(run_session(world), 1U);
  EXPECT_TRUE(world.received == body + "ok\nbye\n");
}

TYPED_TEST(Session, EndsWithoutAMessage) {
  TypeParam world;
  world.finish();
  EXPECT_EQ(run_session(world), 0U);
  EXPECT_EQ(world.received, "bye\n");
}

}  // namespace
}  // namespace presenter::protocol::test
