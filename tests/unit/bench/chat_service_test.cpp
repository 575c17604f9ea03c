#include "bench/chat_backend/chat_service.hpp"

#include <gtest/gtest.h>

#include "tests/unit/bench/fake_client.hpp"

namespace presenter::chat_backend {
namespace {

class ChatService : public testing::Test {
 protected:
  template <class Encode>
  boost::system::error_code handle(fake_client& client, Encode encode) {
    byte_buffer bytes;
    encode(bytes);
    return service.handle_packet(client, bytes.bytes().subspan(4));
  }
  packet authenticate(fake_client& client, const std::string& couple, const std::string& user) {
    authenticate_call call;
    call.request.couple_id = couple;
    call.request.user_id = user;
    EXPECT_FALSE(handle(client, [&](auto& out) { codec.encode({}, call, out); }));
    return client.received().at(0);
  }
  void send(fake_client& client, const std::string& body, std::int32_t seqid = 0) {
    const packet_id id{protocol::thrift_encoding::compact, seqid};
    EXPECT_FALSE(handle(client, [&](auto& out) { codec.encode_send(id, 5, body, out); }));
  }
  std::vector<chat::Message> history(fake_client& client, std::int64_t after) {
    EXPECT_FALSE(handle(client, [&](auto& out) {
      codec.encode({}, history_call{after, 100}, out);
    }));
    return std::get<history_reply>(client.received().back().content).messages;
  }

  packet_codec codec;
  chat_service service{"c1", {.history_bytes_per_couple = 128 * 1'024, .couples_max = 3}};
  fake_client anna, ben, other;
};

TEST_F(ChatService, AnswersWithItsNameAndTheLastSequence) {
  const auto first = std::get<authenticate_reply>(authenticate(anna, "1", "anna").content).result;
  EXPECT_EQ(first.server, "c1");
  EXPECT_EQ(first.last_sequence, 0);
  send(anna, "hello");
  const auto second = std::get<authenticate_reply>(authenticate(ben, "1", "ben").content).result;
  EXPECT_EQ(second.last_sequence, 1);
  EXPECT_EQ(service.counters().clients_online, 2U);
}

TEST_F(ChatService, AcknowledgesToTheSenderAndDeliversToThePartnerOnly) {
  authenticate(anna, "1", "anna");
  authenticate(ben, "1", "ben");
  authenticate(other, "2", "someone");
  send(anna, "hello", 77);
  const auto acknowledged = anna.received();
  ASSERT_EQ(acknowledged.size(), 1U);
  EXPECT_EQ(acknowledged[0].id.sequence, 77);
  EXPECT_EQ(std::get<send_reply>(acknowledged[0].content).sequence, 1);
  const auto delivered = ben.received();
  ASSERT_EQ(delivered.size(), 1U);
  const auto& message = std::get<deliver_call>(delivered[0].content).message;
  EXPECT_EQ(message.body, "hello");
  EXPECT_EQ(message.sender, "anna");
  EXPECT_EQ(message.client_id, 5);
  EXPECT_TRUE(other.received().empty());
}

TEST_F(ChatService, AnswersInTheEncodingOfTheCall) {
  authenticate(anna, "1", "anna");
  send(anna, "hello");
  EXPECT_EQ(anna.received()[0].id.encoding, protocol::thrift_encoding::compact);
  history(anna, 0);
}

TEST_F(ChatService, KeepsTheHistoryForAPartnerWhoIsAway) {
  authenticate(anna, "1", "anna");
  authenticate(ben, "1", "ben");
  service.leave(ben);
  send(anna, "one");
  send(anna, "two");
  authenticate(ben, "1", "ben");
  const auto missed = history(ben, 1);
  ASSERT_EQ(missed.size(), 1U);
  EXPECT_EQ(missed[0].body, "two");
}

TEST_F(ChatService, RefusesCallsBeforeAuthenticate) {
  send(anna, "hello");
  EXPECT_TRUE(std::holds_alternative<refused_reply>(anna.received().at(0).content));
  EXPECT_EQ(service.counters().messages, 0U);
}

TEST_F(ChatService, RefusesAThirdUserAndASecondAuthenticate) {
  authenticate(anna, "1", "anna");
  authenticate(ben, "1", "ben");
  EXPECT_TRUE(std::holds_alternative<refused_reply>(authenticate(other, "1", "x").content));
  EXPECT_TRUE(std::holds_alternative<refused_reply>(authenticate(anna, "2", "anna").content));
  EXPECT_FALSE(other.is_authenticated());
}

TEST_F(ChatService, ReplacesAnEarlierLoginOfTheSameUser) {
  authenticate(anna, "1", "anna");
  authenticate(ben, "1", "ben");
  authenticate(other, "1", "anna");
  EXPECT_TRUE(anna.replaced);
  EXPECT_FALSE(anna.is_authenticated());
  send(ben, "hello");
  EXPECT_EQ(other.received().size(), 1U);
  EXPECT_TRUE(anna.received().empty());
  service.leave(anna);
  EXPECT_EQ(service.counters().clients_online, 2U);
}

TEST_F(ChatService, SkipsDeliveriesToAPartnerWhoDoesNotRead) {
  authenticate(anna, "1", "anna");
  authenticate(ben, "1", "ben");
  const std::string body(10'000, 'x');
  for (int i = 0; i < 1'000; ++i) {
    send(anna, body);
    ASSERT_EQ(anna.received().size(), 1U) << "the sender always has its acknowledgement";
    ASSERT_LE(ben.out().size(), outbox_bytes_max);
  }
  const auto& counters = service.counters();
  EXPECT_EQ(counters.deliveries + counters.deliveries_skipped, 1'000U);
  EXPECT_EQ(ben.received().size(), counters.deliveries);
  EXPECT_EQ(history(ben, 999).size(), 1U);
}

TEST_F(ChatService, PagesALongHistoryWithinAPacket) {
  authenticate(anna, "1", "anna");
  for (int i = 0; i < 10; ++i) {
    send(anna, std::string(12'000, 'x'));
    anna.received();
  }
  std::int64_t after = 0;
  int pages = 0;
  while (true) {
    const auto page = history(anna, after);
    if (page.empty()) break;
    EXPECT_EQ(page.front().sequence, after + 1);
    after = page.back().sequence;
    ++pages;
  }
  EXPECT_EQ(after, 10);
  EXPECT_GT(pages, 1);
}

TEST_F(ChatService, ForgetsTheCoupleThatIsOfflineLongestWhenFull) {
  for (const char* const couple : {"1", "2", "3"}) {
    authenticate(anna, couple, "anna");
    send(anna, "hello");
    anna.received();
    service.leave(anna);
  }
  authenticate(anna, "1", "anna");
  authenticate(ben, "4", "ben");
  EXPECT_EQ(service.counters().couples_forgotten, 1U);
  EXPECT_EQ(history(anna, 0).size(), 1U) << "a couple that is online stays";
  const auto result = authenticate(other, "3", "other");
  EXPECT_EQ(std::get<authenticate_reply>(result.content).result.last_sequence, 1);
  fake_client late;
  EXPECT_TRUE(std::holds_alternative<refused_reply>(authenticate(late, "5", "x").content));
}

TEST_F(ChatService, EndsAClientThatSendsGarbageOrAnUnknownCall) {
  const auto garbage = std::as_bytes(std::span("garbage", 7));
  EXPECT_TRUE(service.handle_packet(anna, garbage).failed());
  EXPECT_TRUE(anna.received().empty());
  EXPECT_TRUE(handle(anna, [&](auto& out) { codec.encode({}, send_reply{1}, out); }).failed());
  EXPECT_TRUE(std::holds_alternative<exception_reply>(anna.received().at(0).content));
  EXPECT_EQ(service.counters().packets_malformed, 2U);
}

}  // namespace
}  // namespace presenter::chat_backend
