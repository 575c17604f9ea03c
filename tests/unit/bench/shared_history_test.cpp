// Two chat services whose couples' histories are in one folder: clients go from one to the other.
#include <gtest/gtest.h>

#include "tests/unit/bench/fake_client.hpp"
#include "tests/unit/bench/shared_folder.hpp"

namespace presenter::chat_backend {
namespace {

class SharedHistory : public testing::Test {
 protected:
  void call(chat_service& at, fake_client& client, const byte_buffer& bytes) {
    EXPECT_FALSE(at.handle_packet(client, bytes.bytes().subspan(packet_header_bytes)));
  }
  packet authenticate(chat_service& at, fake_client& client, const std::string& user) {
    byte_buffer bytes;
    authenticate_call login;
    login.request.couple_id = "couple";
    login.request.user_id = user;
    codec.encode({}, login, bytes);
    call(at, client, bytes);
    return client.received().at(0);
  }
  void send(chat_service& at, fake_client& client, const std::string& body) {
    byte_buffer bytes;
    codec.encode_send({protocol::thrift_encoding::compact, 9}, 5, body, bytes);
    call(at, client, bytes);
  }
  // The client leaves `from` for `to`, as it stands.
  static boost::system::error_code move(fake_client& client, chat_service& from, chat_service& to) {
    const chat::ClientState state = client.state();
    from.leave(client);
    return to.resume(client, state);
  }

  // What it has received since the last time: "7" an answer, "7:hello" a delivery.
  static std::string heard(fake_client& client) {
    std::string text;
    for (const packet& each : client.received()) {
      if (const auto* answer = std::get_if<send_reply>(&each.content)) {
        text += std::to_string(answer->sequence) + " ";
      } else {
        const auto& message = std::get<deliver_call>(each.content).message;
        text += std::to_string(message.sequence) + ":" + message.body + " ";
      }
    }
    return text;
  }

  void both_at_the_old_one() {
    authenticate(older, anna, "anna");
    authenticate(older, ben, "ben");
  }

  shared_folder folder;
  packet_codec codec;
  chat_service older{"old", {}, &folder.histories};
  chat_service newer{"new", {}, &folder.histories};
  fake_client anna, ben;
};

TEST_F(SharedHistory, IsSaidToBeTheSameAtAllServers) {
  const auto first = std::get<authenticate_reply>(authenticate(older, anna, "anna").content).result;
  send(older, anna, "hello");
  const auto second = std::get<authenticate_reply>(authenticate(newer, ben, "ben").content).result;
  EXPECT_EQ(first.history, second.history);
  EXPECT_EQ(second.server, "new");
  EXPECT_EQ(second.last_sequence, 1);
}

TEST_F(SharedHistory, GoesOnAtTheNewServer) {
  both_at_the_old_one();
  send(older, anna, "one");
  EXPECT_FALSE(move(anna, older, newer));
  EXPECT_FALSE(move(ben, older, newer));
  send(newer, ben, "two");
  EXPECT_EQ(heard(anna), "1 2:two ");
  EXPECT_EQ(heard(ben), "1:one 2 ");
  EXPECT_EQ(older.counters().clients_online, 0U);
  EXPECT_EQ(newer.counters().clients_online, 2U);
}

TEST_F(SharedHistory, KeepsOneOrderWhileOneHalfHasMoved) {
  both_at_the_old_one();
  EXPECT_FALSE(move(anna, older, newer));
  send(newer, anna, "one");
  send(older, ben, "two");
  EXPECT_EQ(heard(ben), "1:one 2 ") << "what was in front of its own comes first";
  send(newer, anna, "three");
  EXPECT_EQ(heard(anna), "1 2:two 3 ");
  EXPECT_EQ(heard(ben), "");
  older.on_history_changed("couple");
  EXPECT_EQ(heard(ben), "3:three ");
  older.on_histories_changed();
  newer.on_history_changed("couple");
  newer.on_history_changed("another");
  EXPECT_EQ(heard(ben) + heard(anna), "");
}

TEST_F(SharedHistory, TellsWhoComesLaterWhatItHasMissed) {
  both_at_the_old_one();
  EXPECT_FALSE(move(anna, older, newer));
  send(newer, anna, "one");
  EXPECT_FALSE(move(ben, older, newer));
  EXPECT_EQ(heard(ben), "1:one ");
  send(newer, anna, "two");
  EXPECT_EQ(heard(ben), "2:two ");
}

TEST_F(SharedHistory, TellsMoreThanAServerKeepsInMemory) {
  both_at_the_old_one();
  EXPECT_FALSE(move(anna, older, newer));
  for (int i = 1; i <= 4; ++i)
    send(newer, anna, std::string(50'000, 'x'));
  older.on_history_changed("couple");
  const auto received = ben.received();
  ASSERT_EQ(received.size(), 4U);
  EXPECT_EQ(std::get<deliver_call>(received[0].content).message.sequence, 1);
}

TEST_F(SharedHistory, GoesThereAndBack) {
  both_at_the_old_one();
  EXPECT_FALSE(move(anna, older, newer));
  send(newer, anna, "one");
  EXPECT_FALSE(move(anna, newer, older));
  EXPECT_EQ(heard(ben), "1:one ");
  send(older, ben, "two");
  EXPECT_EQ(heard(anna), "1 2:two ");
}

// And than what a server keeps of it in memory.
TEST_F(SharedHistory, IsLongerThanAnyState) {
  both_at_the_old_one();
  for (int i = 1; i <= 300; ++i)
    send(older, anna, std::string(3'000, 'x'));
  ben.received();
  EXPECT_FALSE(move(ben, older, newer));
  std::int64_t seen = 0;
  while (seen < 300) {
    byte_buffer bytes;
    codec.encode({}, history_call{seen, 1'000}, bytes);
    call(newer, ben, bytes);
    const auto page = std::get<history_reply>(ben.received().at(0).content).messages;
    ASSERT_FALSE(page.empty());
    EXPECT_EQ(page.front().sequence, seen + 1);
    seen = page.back().sequence;
  }
}

TEST_F(SharedHistory, LeavesTheUserWhoHasComeInAnew) {
  both_at_the_old_one();
  fake_client anew;
  authenticate(newer, anew, "ben");
  EXPECT_EQ(move(ben, older, newer), boost::system::errc::already_connected);
  EXPECT_FALSE(anew.replaced);
  send(older, anna, "one");
  newer.on_history_changed("couple");
  EXPECT_EQ(heard(anew), "1:one ");
}

TEST_F(SharedHistory, KnowsTheCoupleEverywhere) {
  both_at_the_old_one();
  fake_client third;
  EXPECT_TRUE(std::holds_alternative<refused_reply>(authenticate(newer, third, "x").content));
}

TEST_F(SharedHistory, LetsGoWhoHasNotAuthenticated) {
  EXPECT_FALSE(move(anna, older, newer));
  EXPECT_FALSE(anna.is_authenticated());
  authenticate(newer, anna, "anna");
}

TEST_F(SharedHistory, RefusesWhatItCannotWrite) {
  both_at_the_old_one();
  std::filesystem::remove_all(folder.histories.path());
  send(older, anna, "one");
  EXPECT_TRUE(std::holds_alternative<refused_reply>(anna.received().at(0).content));
  EXPECT_EQ(heard(ben), "");
  EXPECT_EQ(older.counters().history_failures, 1U);
  EXPECT_EQ(older.counters().messages, 0U);
}

TEST_F(SharedHistory, RefusesNamesThatMakeNoFile) {
  EXPECT_TRUE(std::holds_alternative<refused_reply>(
      authenticate(older, anna, std::string(61, 'x')).content));
}

}  // namespace
}  // namespace presenter::chat_backend
