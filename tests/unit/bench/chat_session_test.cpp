#include "bench/chat_backend/chat_session.hpp"

#include <gtest/gtest.h>

#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "tests/unit/bench/socket_pair.hpp"

namespace presenter::chat_backend {
namespace {

using asio::ip::tcp;
using protocol::thrift_encoding;

// A client of the session, whose calls run the io_context until they are done.
class test_client {
 public:
  test_client(asio::io_context& io, chat_service& service) : io_(io), sockets_(io) {
    auto session = chat_session<tcp::socket>(std::move(sockets_.far_end), service);
    asio::co_spawn(io, std::move(session), [this](const std::exception_ptr& thrown) {
      EXPECT_FALSE(thrown);
      session_ended = true;
    });
  }

  void write(const byte_buffer& bytes) {
    asio::write(sockets_.near_end, asio::buffer(bytes.bytes().data(), bytes.size()));
  }

  packet read() {
    std::array<std::byte, 4> header{};
    run_until_read(asio::buffer(header));
    std::vector<std::byte> body(packet_length(header).value());
    run_until_read(asio::buffer(body));
    return codec.decode(body).value();
  }

  // Everything up to the end of what the session sends.
  std::size_t read_to_end() {
    std::vector<std::byte> sink(65'536);
    std::size_t total = 0;
    boost::system::error_code ended;
    while (!ended) {
      bool done = false;
      sockets_.near_end.async_read_some(asio::buffer(sink), [&](auto error, std::size_t n) {
        ended = error;
        total += n;
        done = true;
      });
      while (!done)
        io_.run_one();
    }
    return total;
  }

  // The packet with which it logs in.
  byte_buffer login(const std::string& user, thrift_encoding encoding) {
    byte_buffer bytes;
    authenticate_call call;
    call.request.couple_id = "1";
    call.request.user_id = user;
    codec.encode({encoding, 1}, call, bytes);
    return bytes;
  }

  void authenticate(const std::string& user, thrift_encoding encoding) {
    write(login(user, encoding));
    EXPECT_EQ(std::get<authenticate_reply>(read().content).result.server, "c1");
  }

  tcp::socket& socket() { return sockets_.near_end; }

  packet_codec codec;
  bool session_ended = false;

 private:
  void run_until_read(asio::mutable_buffer into) {
    bool done = false;
    asio::async_read(sockets_.near_end, into, [&](auto error, std::size_t) {
      EXPECT_FALSE(error);
      done = true;
    });
    while (!done)
      io_.run_one();
  }

  asio::io_context& io_;
  socket_pair sockets_;
};

class ChatSession : public testing::TestWithParam<thrift_encoding> {
 protected:
  ~ChatSession() override {
    anna.socket().close();
    ben.socket().close();
    io.run();
    EXPECT_TRUE(anna.session_ended);
    EXPECT_TRUE(ben.session_ended);
    EXPECT_EQ(service.counters().clients_online, 0U);
  }

  asio::io_context io{1};
  chat_service service{"c1"};
  test_client anna{io, service};
  test_client ben{io, service};
};

INSTANTIATE_TEST_SUITE_P(BothEncodings, ChatSession,
                         testing::Values(thrift_encoding::binary, thrift_encoding::compact),
                         [](const auto& info) {
                           return info.param == thrift_encoding::binary ? "Binary" : "Compact";
                         });

TEST_P(ChatSession, CarriesMessagesBothWays) {
  anna.authenticate("anna", GetParam());
  ben.authenticate("ben", GetParam());
  for (std::int32_t i = 1; i <= 100; ++i) {
    test_client& from = i % 2 == 0 ? anna : ben;
    test_client& to = i % 2 == 0 ? ben : anna;
    byte_buffer bytes;
    from.codec.encode_send({GetParam(), i}, i, std::string(static_cast<std::size_t>(i), 'x'),
                           bytes);
    from.write(bytes);
    EXPECT_EQ(std::get<send_reply>(from.read().content).sequence, i);
    const packet delivered = to.read();
    EXPECT_EQ(std::get<deliver_call>(delivered.content).message.client_id, i);
    EXPECT_EQ(delivered.id.encoding, GetParam());
  }
}

TEST_P(ChatSession, ServesAPacketSplitAtEveryByte) {
  const byte_buffer bytes = anna.login("anna", GetParam());
  for (const std::byte& one : bytes.bytes()) {
    asio::write(anna.socket(), asio::buffer(&one, 1));
    io.poll();
  }
  EXPECT_EQ(std::get<authenticate_reply>(anna.read().content).result.server, "c1");
}

TEST_P(ChatSession, ClosesTheEarlierLoginOfTheSameUser) {
  anna.authenticate("anna", GetParam());
  ben.authenticate("anna", GetParam());
  EXPECT_EQ(anna.read_to_end(), 0U);
  EXPECT_EQ(service.counters().clients_online, 1U);
}

TEST_P(ChatSession, WritesTheAnswersBeforeItClosesAfterTheClientsEnd) {
  anna.write(anna.login("anna", GetParam()));
  anna.socket().shutdown(tcp::socket::shutdown_send);
  EXPECT_GT(anna.read_to_end(), 0U);
}

TEST_P(ChatSession, ClosesOnAnImpossibleLength) {
  byte_buffer bytes;
  bytes.append(std::as_bytes(std::span("\x7f\xff\xff\xff", 4)));
  anna.write(bytes);
  EXPECT_EQ(anna.read_to_end(), 0U);
}

// 24 MB of answers pass through an outbox of 256 KiB: the session stops reading calls meanwhile.
TEST_P(ChatSession, AnswersEveryCallOfAClientThatReadsLate) {
  anna.authenticate("anna", GetParam());
  ben.authenticate("ben", GetParam());
  const std::string body(16'000, 'x');
  byte_buffer one;
  anna.codec.encode_send({GetParam(), 1}, 1, body, one);
  for (int i = 0; i < 40; ++i) {
    anna.write(one);
    anna.read();
  }
  byte_buffer ask;
  for (int i = 0; i < 500; ++i)
    anna.codec.encode({GetParam(), i}, history_call{0, 1'000}, ask);
  ben.write(ask);
  io.poll();
  // The answers, 500 pages of some 48 KB, are all there once it reads.
  int answers = 0;
  while (answers < 500) {
    if (std::holds_alternative<history_reply>(ben.read().content)) ++answers;
  }
}

}  // namespace
}  // namespace presenter::chat_backend
