#include "bench/chat_backend/packet_codec.hpp"

#include <gtest/gtest.h>
#include <thrift/TApplicationException.h>

#include <boost/system/errc.hpp>

namespace presenter::chat_backend {
namespace {
using protocol::thrift_encoding;

class PacketCodec : public testing::TestWithParam<thrift_encoding> {
 protected:
  packet_id id() const { return {GetParam(), 7}; }
  packet decoded(const byte_buffer& encoded) {
    const auto whole = next_packet(encoded.bytes());
    EXPECT_TRUE(whole && *whole);
    auto result = codec.decode(**whole);
    EXPECT_TRUE(result);
    EXPECT_EQ(result->id.sequence, 7);
    EXPECT_EQ(result->id.encoding, GetParam());
    return *result;
  }

  packet_codec codec;
  byte_buffer bytes;
};

INSTANTIATE_TEST_SUITE_P(BothEncodings, PacketCodec,
                         testing::Values(thrift_encoding::binary, thrift_encoding::compact),
                         [](const auto& info) {
                           return info.param == thrift_encoding::binary ? "Binary" : "Compact";
                         });

TEST_P(PacketCodec, CarriesAuthenticate) {
  authenticate_call call;
  call.request.couple_id = "couple-1";
  call.request.user_id = "a";
  call.request.token = std::string("\0\xff", 2);
  codec.encode(id(), call, bytes);
  EXPECT_EQ(std::get<authenticate_call>(decoded(bytes).content).request, call.request);
}

TEST_P(PacketCodec, CarriesSendAndItsReply) {
  codec.encode_send(id(), 42, "hello", bytes);
  const packet call = decoded(bytes);
  EXPECT_EQ(std::get<send_call>(call.content).client_id, 42);
  EXPECT_EQ(std::get<send_call>(call.content).body, "hello");
  bytes.clear();
  codec.encode(id(), send_reply{9}, bytes);
  EXPECT_EQ(std::get<send_reply>(decoded(bytes).content).sequence, 9);
}

TEST_P(PacketCodec, CarriesHistoryAndDeliver) {
  chat::Message message;
  message.sequence = 3;
  message.sender = "b";
  message.client_id = 5;
  message.body = "x";
  codec.encode(id(), history_reply{{message, message}}, bytes);
  EXPECT_EQ(std::get<history_reply>(decoded(bytes).content).messages,
            (std::vector{message, message}));
  bytes.clear();
  codec.encode(id(), history_call{2, 10}, bytes);
  EXPECT_EQ(std::get<history_call>(decoded(bytes).content).after, 2);
  bytes.clear();
  codec.encode_deliver(id(), message, bytes);
  EXPECT_EQ(std::get<deliver_call>(decoded(bytes).content).message, message);
}

TEST_P(PacketCodec, CarriesRefusalsOfEveryMethod) {
  for (const char* const method : {"authenticate", "send", "history"}) {
    bytes.clear();
    codec.encode(id(), method, refused_reply{"no"}, bytes);
    EXPECT_EQ(std::get<refused_reply>(decoded(bytes).content).why, "no") << method;
  }
}

TEST_P(PacketCodec, CarriesApplicationExceptions) {
  const auto type = apache::thrift::TApplicationException::INTERNAL_ERROR;
  codec.encode(id(), "authenticate", exception_reply{type, "no_shard"}, bytes);
  const auto reply = std::get<exception_reply>(decoded(bytes).content);
  EXPECT_EQ(reply.text, "no_shard");
  EXPECT_EQ(reply.type, type);
}

TEST_P(PacketCodec, RefusesEveryTruncationAndGoesOn) {
  codec.encode_send(id(), 42, "hello", bytes);
  const auto whole = **next_packet(bytes.bytes());
  for (std::size_t n = 0; n < whole.size(); ++n) {
    EXPECT_FALSE(codec.decode(whole.first(n))) << n;
  }
  EXPECT_EQ(std::get<send_call>(codec.decode(whole)->content).body, "hello");
}

TEST_P(PacketCodec, RefusesBytesAfterTheMessage) {
  codec.encode(id(), send_reply{9}, bytes);
  bytes.append(std::as_bytes(std::span("x", 1)));
  EXPECT_FALSE(codec.decode(bytes.bytes().subspan(4)));
}

// Thrift's own budget of 100 MB per transport must not end a long session.
TEST_P(PacketCodec, GoesOnAfterMoreThanAHundredMegabytes) {
  codec.encode_send(id(), 1, std::string(64 * 1'024, 'x'), bytes);
  const auto whole = **next_packet(bytes.bytes());
  std::size_t decoded_bytes = 0;
  while (decoded_bytes < 110'000'000) {
    ASSERT_TRUE(codec.decode(whole)) << decoded_bytes;
    decoded_bytes += whole.size();
  }
}

TEST(PacketFraming, WaitsForAWholePacketAndRefusesBadLengths) {
  packet_codec codec;
  byte_buffer bytes;
  codec.encode_send({}, 1, "hello", bytes);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    const auto found = next_packet(bytes.bytes().first(n));
    ASSERT_TRUE(found);
    EXPECT_FALSE(*found);
  }
  EXPECT_EQ((*next_packet(bytes.bytes()))->size(), bytes.size() - 4);
  const auto refused = boost::system::errc::make_error_code(boost::system::errc::message_size);
  const std::array<std::byte, 4> none{};
  EXPECT_EQ(next_packet(none).error(), refused);
  const std::array<std::byte, 4> huge{std::byte{0x7f}};
  EXPECT_EQ(next_packet(huge).error(), refused);
}

TEST(PacketFraming, RefusesWhatIsNotThrift) {
  packet_codec codec;
  EXPECT_FALSE(codec.decode(std::as_bytes(std::span("GET / HTTP/1.1", 14))));
}

}  // namespace
}  // namespace presenter::chat_backend
