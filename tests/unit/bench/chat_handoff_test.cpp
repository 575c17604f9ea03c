// The chat session on a stream that is given up to another chat server: the socket of a client goes
// from one session to the next as the SDK's stream would.
#include <gtest/gtest.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "bench/chat_backend/chat_session.hpp"
#include "protocol/backend_sdk/stream_info.hpp"
#include "tests/unit/bench/shared_folder.hpp"
#include "tests/unit/bench/socket_pair.hpp"

namespace presenter::chat_backend {
namespace {

using asio::ip::tcp;
using boost::system::error_code;

// What goes from session to session.
struct moving_client {
  explicit moving_client(asio::io_context& io) : sockets(io) {}

  socket_pair sockets;
  std::function<void(error_code, protocol::handoff_info)> asked;
  std::optional<std::string> given;
  std::string deposit;
  int deposits = 0;
};

// What of a mux_stream a session uses, over a socket.
class moving_stream {
 public:
  moving_stream(moving_client& client, std::shared_ptr<const protocol::continued_stream> before)
      : client_(client), info_{std::move(before)} {}

  auto get_executor() { return socket().get_executor(); }
  const auto& info() const { return info_; }
  auto async_read_some(const auto& room, auto token) {
    return socket().async_read_some(room, token);
  }
  auto async_write_some(const auto& bytes, auto token) {
    return socket().async_write_some(bytes, token);
  }
  void async_wait_handoff(std::function<void(error_code, protocol::handoff_info)> handler) {
    client_.asked = std::move(handler);
  }
  void cancel() { socket().cancel(); }
  void hand_over(std::string_view state, error_code& failed) {
    failed = {};
    client_.given = state;
  }
  std::size_t deposit_bytes_max() const { return 256; }
  bool deposit(std::string_view state) {
    ++client_.deposits;
    client_.deposit = state;
    return true;
  }
  void close() {
    if (!client_.given) socket().close();
  }

 private:
  struct facts {
    std::shared_ptr<const protocol::continued_stream> continued;
  };
  tcp::socket& socket() { return client_.sockets.far_end; }

  moving_client& client_;
  facts info_;
};
static_assert(movable_stream<moving_stream>);
static_assert(!movable_stream<tcp::socket>);

class ChatHandoff : public testing::Test {
 protected:
  ~ChatHandoff() override {
    for (moving_client* const client : {&anna, &ben})
      client->sockets.near_end.close();
    io.run();
    EXPECT_EQ(sessions, 0);
  }

  void serve(moving_client& client, chat_service& at,
             std::shared_ptr<const protocol::continued_stream> before = nullptr) {
    ++sessions;
    client.given.reset();
    client.asked = nullptr;
    asio::co_spawn(io, chat_session(moving_stream(client, std::move(before)), at),
                   [this](const std::exception_ptr& thrown) {
                     EXPECT_FALSE(thrown);
                     --sessions;
                   });
  }

  // The gateway asks for the stream, and opens it again at `to`.
  void move(moving_client& client, chat_service& to) {
    ask_for(client);
    go_on_from(client, *client.given, to);
  }
  void ask_for(moving_client& client) {
    while (!client.asked)
      ASSERT_NE(io.run_one(), 0U);
    client.asked({}, {});
    while (!client.given)
      ASSERT_NE(io.run_one(), 0U);
  }
  void go_on_from(moving_client& client, const std::string& state, chat_service& at) {
    auto before = std::make_shared<protocol::continued_stream>();
    before->state = state;
    serve(client, at, std::move(before));
  }

  static void write(moving_client& client, std::span<const std::byte> bytes) {
    asio::write(client.sockets.near_end, asio::buffer(bytes.data(), bytes.size()));
  }
  byte_buffer login(const std::string& user) {
    byte_buffer bytes;
    authenticate_call call;
    call.request.couple_id = "couple";
    call.request.user_id = user;
    codec.encode({}, call, bytes);
    return bytes;
  }
  byte_buffer message(const std::string& body) {
    byte_buffer bytes;
    codec.encode_send({protocol::thrift_encoding::compact, 4}, 5, body, bytes);
    return bytes;
  }
  packet read(moving_client& client) {
    std::array<std::byte, packet_header_bytes> header{};
    run_until_read(client, asio::buffer(header));
    std::vector<std::byte> body(packet_length(header).value());
    run_until_read(client, asio::buffer(body));
    return codec.decode(body).value();
  }
  void run_until_read(moving_client& client, asio::mutable_buffer into) {
    bool done = false;
    asio::async_read(client.sockets.near_end, into, [&](auto failed, std::size_t) {
      EXPECT_FALSE(failed);
      done = true;
    });
    while (!done)
      io.run_one();
  }
  void talk_at_the_old_one() {
    serve(anna, older);
    serve(ben, older);
    write(anna, login("anna").bytes());
    write(ben, login("ben").bytes());
    EXPECT_EQ(std::get<authenticate_reply>(read(anna).content).result.server, "old");
    read(ben);
  }

  asio::io_context io{1};
  int sessions = 0;
  shared_folder folder;
  packet_codec codec;
  chat_service older{"old", {}, &folder.histories};
  chat_service newer{"new", {}, &folder.histories};
  moving_client anna{io}, ben{io};
};

TEST_F(ChatHandoff, GoesOnWithoutANewLogin) {
  talk_at_the_old_one();
  move(anna, newer);
  move(ben, newer);
  write(anna, message("hello").bytes());
  EXPECT_EQ(std::get<send_reply>(read(anna).content).sequence, 1);
  EXPECT_EQ(std::get<deliver_call>(read(ben).content).message.body, "hello");
  EXPECT_EQ(newer.counters().clients_online, 2U);
  EXPECT_EQ(older.counters().clients_online, 0U);
}

TEST_F(ChatHandoff, GoesOnInTheMiddleOfAPacket) {
  talk_at_the_old_one();
  const byte_buffer packet = message("hello");
  for (std::size_t split = 1; split < packet.size(); ++split) {
    write(anna, packet.bytes().first(split));
    io.poll();
    move(anna, split % 2 == 0 ? older : newer);
    write(anna, packet.bytes().subspan(split));
    ASSERT_EQ(std::get<send_reply>(read(anna).content).sequence, static_cast<std::int64_t>(split));
  }
}

TEST_F(ChatHandoff, HandsOnAtOnce) {
  talk_at_the_old_one();
  const byte_buffer packet = message("hello");
  write(anna, packet.bytes().first(7));
  io.poll();
  for (int i = 0; i < 5; ++i) {
    move(anna, newer);
    move(anna, older);
  }
  write(anna, packet.bytes().subspan(7));
  EXPECT_EQ(std::get<send_reply>(read(anna).content).sequence, 1);
  EXPECT_EQ(std::get<deliver_call>(read(ben).content).message.body, "hello");
}

// Far more than the sockets hold, and than a state may have.
TEST_F(ChatHandoff, TakesAlongWhatTheClientHasNotRead) {
  talk_at_the_old_one();
  const std::string body(60'000, 'x');
  int sent = 0;
  while (older.counters().deliveries_skipped == 0) {
    write(anna, message(body).bytes());
    read(anna);
    ++sent;
  }
  const auto delivered = static_cast<std::int64_t>(older.counters().deliveries);
  move(ben, newer);
  for (std::int64_t i = 1; i <= delivered; ++i)
    ASSERT_EQ(std::get<deliver_call>(read(ben).content).message.sequence, i);
}

TEST_F(ChatHandoff, DepositsWhenNothingIsUnderWay) {
  talk_at_the_old_one();
  io.poll();
  EXPECT_EQ(folder.histories.unpack(ben.deposit).value().told, 0);
  write(anna, message("hello").bytes());
  read(anna);
  read(ben);
  io.poll();
  for (moving_client* const client : {&anna, &ben}) {
    EXPECT_EQ(client->deposits, 2);
    const auto state = folder.histories.unpack(client->deposit).value();
    EXPECT_EQ(state.told, 1);
    EXPECT_EQ(state.input + state.output, "");
    EXPECT_LE(client->deposit.size(), 64U);
  }
  // Half of a packet is under way.
  write(ben, message("later").bytes().first(9));
  io.poll();
  write(anna, message("hello").bytes());
  read(anna);
  read(ben);
  io.poll();
  EXPECT_EQ(anna.deposits, 3);
  EXPECT_EQ(ben.deposits, 2);
}

TEST_F(ChatHandoff, GoesOnFromADeposit) {
  talk_at_the_old_one();
  io.poll();
  const std::string deposit = ben.deposit;
  // The gateway has the deposit, the server dies, the partner is the first to be elsewhere.
  move(anna, newer);
  write(anna, message("hello").bytes());
  read(anna);
  ask_for(ben);
  go_on_from(ben, deposit, newer);
  EXPECT_EQ(std::get<deliver_call>(read(ben).content).message.body, "hello");
}

// As a server leaves them that reads more than one at a time.
TEST_F(ChatHandoff, ServesPacketsThatHaveComeTogether) {
  talk_at_the_old_one();
  const byte_buffer packet = message("hello");
  const std::string bytes(reinterpret_cast<const char*>(packet.bytes().data()), packet.size());
  ask_for(anna);
  auto state = folder.histories.unpack(*anna.given).value();
  state.input = bytes + bytes + bytes.substr(0, 9);
  go_on_from(anna, folder.histories.pack(state), newer);
  EXPECT_EQ(std::get<send_reply>(read(anna).content).sequence, 1);
  EXPECT_EQ(std::get<send_reply>(read(anna).content).sequence, 2);
  write(anna, packet.bytes().subspan(9));
  EXPECT_EQ(std::get<send_reply>(read(anna).content).sequence, 3);
}

TEST_F(ChatHandoff, EndsAClientWhoseStateIsNone) {
  go_on_from(anna, "rags", newer);
  io.poll();
  EXPECT_EQ(sessions, 0);
}

TEST_F(ChatHandoff, WritesTheAnswersOfAClientThatEndsBeforeItIsAskedFor) {
  talk_at_the_old_one();
  write(anna, message("hello").bytes());
  anna.sockets.near_end.shutdown(tcp::socket::shutdown_send);
  EXPECT_EQ(std::get<send_reply>(read(anna).content).sequence, 1);
  anna.asked({}, {});
  io.poll();
  EXPECT_FALSE(anna.given);
}

}  // namespace
}  // namespace presenter::chat_backend
