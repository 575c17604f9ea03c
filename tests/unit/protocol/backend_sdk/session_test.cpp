// The same session code, once over a TCP socket and once over a stream: nothing in it knows which.
#include <boost/asio/deferred.hpp>
#include <boost/asio/experimental/parallel_group.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/stream_traits.hpp>

#include "tests/unit/protocol/backend_sdk/sdk_fixture.hpp"

namespace presenter::protocol::test {
namespace {

static_assert(boost::beast::is_async_stream<mux_stream>::value);
static_assert(boost::beast::is_async_stream<tcp::socket>::value);

// --- the session under test
// -----------------------------------------------------------------------

// What a session has to take along when it goes on elsewhere.
struct progress {
  std::size_t messages = 0;
  std::size_t body_left = 0;  // of the message that has begun
  std::string line;           // a size that has begun
};

std::string text_of(const progress& of) {
  return std::to_string(of.messages) + " " + std::to_string(of.body_left) + " " + of.line;
}

progress progress_of(const std::string& text) {
  const std::size_t second = text.find(' ') + 1;
  return {std::stoul(text), std::stoul(text.substr(second)),
          text.substr(text.find(' ', second) + 1)};
}

// Reads the next bytes. False: there will be none, `eof` says whether the client has ended.
asio::awaitable<bool> read_more(tcp::socket& stream, const progress&, std::string& bytes,
                                bool& eof) {
  auto [error, n] = co_await stream.async_read_some(asio::buffer(bytes), as_result);
  eof = error == asio::error::eof;
  bytes.resize(n);
  co_return !error;
}

// The same of a stream; or it is given up, with all that the session has to take along.
asio::awaitable<bool> read_more(mux_stream& stream, const progress& now, std::string& bytes,
                                bool& eof) {
  auto either = asio::experimental::make_parallel_group(
      stream.async_read_some(asio::buffer(bytes), asio::deferred),
      stream.async_wait_handoff(asio::deferred));
  auto [order, error, n, not_asked, asked] =
      co_await either.async_wait(asio::experimental::wait_for_one(), asio::use_awaitable);
  eof = error == asio::error::eof;
  bytes.resize(n);
  if (error && !eof && !not_asked) stream.hand_over(text_of(now));
  co_return !error;
}

// A line gives a size; that many bytes follow and are sent back as they come, "ok" behind them. At
// the client's end the session says "bye" and finishes.
template <class Stream>
asio::awaitable<std::size_t> serve(Stream stream, progress now) {
  bool eof = false;
  std::string input(3'000, ' ');
  while (co_await read_more(stream, now, input, eof)) {
    std::string answer;
    for (std::string_view rest = input; !rest.empty();) {
      const std::string_view body = rest.substr(0, now.body_left);
      answer += body;
      rest.remove_prefix(body.size());
      now.body_left -= body.size();
      if (!body.empty() && now.body_left == 0) {
        answer += "ok\n";
        ++now.messages;
      }
      while (!rest.empty() && now.body_left == 0) {
        now.line += rest.front();
        rest.remove_prefix(1);
        if (now.line.back() != '\n') continue;
        now.body_left = std::stoul(now.line);
        now.line.clear();
        break;
      }
    }
    co_await asio::async_write(stream, asio::buffer(answer), asio::use_awaitable);
    input.resize(3'000);
  }
  if (!eof) co_return now.messages;
  co_await asio::async_write(stream, asio::buffer("bye\n", 4), asio::use_awaitable);
  stream.shutdown(asio::socket_base::shutdown_send);
  co_return now.messages;
}

// --- the two kinds of far end
// ---------------------------------------------------------------------

// Runs the session, in as many pieces as it comes in.
class session_runner {
 public:
  template <class Stream>
  void spawn(asio::io_context& io, Stream stream, progress now) {
    ++running;
    asio::co_spawn(io, serve(std::move(stream), std::move(now)),
                   [this](const std::exception_ptr& thrown, std::size_t messages) {
                     EXPECT_FALSE(thrown);
                     served = messages;
                     --running;
                   });
  }
  std::size_t served = 0;
  int running = 0;
};

class tcp_world : public session_runner {
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

class mux_world : public sdk_fixture, public session_runner {
 public:
  using sdk_fixture::io;
  mux_world() {
    acceptor_options options;
    options.hands_over = true;
    start(options);
    far_ = &gateway->open();
    server_ = accept();
  }
  mux_stream take() { return std::move(server_); }
  void send(std::string_view text) { far_->send(text); }
  void finish() { far_->finish(); }
  bool step() {
    received = before_ + far_->received;
    return far_->finished;
  }
  std::string received;

 protected:
  void TestBody() override {}
  std::string before_;  // what came on earlier streams
  gateway_stream* far_ = nullptr;
  mux_stream server_;
};

// Its stream goes to another backend, so to say, whenever some bytes have come.
class moving_world : public mux_world {
 public:
  bool step() {
    if (far_->is_given_up()) {
      go_on();
    } else if (!is_asked_ && far_->received.size() > 2 && !far_->finished) {
      is_asked_ = true;
      gateway->hand_off(*far_);
    }
    return mux_world::step();
  }
  std::uint64_t moves() const { return acceptor->counters().streams_continued; }

 private:
  void go_on() {
    is_asked_ = false;
    before_ += far_->received;
    far_ = &gateway->open_continued(*far_);
    mux_stream next = accept();
    const progress now = progress_of(next.info().continued->state);
    spawn(io, std::move(next), now);
  }

  bool is_asked_ = false;
};

template <class World>
class Session : public ::testing::Test {};
using worlds = ::testing::Types<tcp_world, mux_world, moving_world>;
TYPED_TEST_SUITE(Session, worlds);

template <class World>
std::size_t run_session(World& world) {
  world.spawn(world.io, world.take(), {});
  bool finished = false;
  EXPECT_TRUE(run_until(world.io, [&] {
    finished = world.step() || finished;
    world.io.poll_one();
    return finished && world.running == 0;
  }));
  return world.served;
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

TEST(MovingSession, GoesOnAtManyBackends) {
  moving_world world;
  const std::string body = pattern(1'000'000);
  world.send(std::to_string(body.size()) + "\n" + body);
  world.finish();
  EXPECT_EQ(run_session(world), 1U);
  EXPECT_TRUE(world.received == body + "ok\nbye\n");
  EXPECT_GT(world.moves(), 10U);
}

TYPED_TEST(Session, EndsWithoutAMessage) {
  TypeParam world;
  world.finish();
  EXPECT_EQ(run_session(world), 0U);
  EXPECT_EQ(world.received, "bye\n");
}

}  // namespace
}  // namespace presenter::protocol::test
