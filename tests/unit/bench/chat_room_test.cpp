#include "bench/chat_backend/chat_room.hpp"

#include <gtest/gtest.h>

namespace presenter::chat_backend {
namespace {

TEST(ChatRoom, NumbersMessagesFromOneWithoutGaps) {
  chat_room room;
  EXPECT_EQ(room.last_sequence(), 0);
  EXPECT_EQ(room.append("a", 10, "x").value(), 1);
  EXPECT_EQ(room.append("b", 10, "y").value(), 2);
  EXPECT_EQ(room.last_sequence(), 2);
}

TEST(ChatRoom, GivesTheMessagesAfterASequenceWithinTheLimits) {
  chat_room room;
  for (int i = 0; i < 5; ++i)
    room.append("a", i, "x");
  const auto two = room.after(2, 2, 1'000'000).value();
  ASSERT_EQ(two.size(), 2U);
  EXPECT_EQ(two[0].sequence, 3);
  EXPECT_EQ(room.after(5, 10, 1'000'000).value().size(), 0U);
  EXPECT_EQ(room.after(0, 10, 1).value().size(), 1U) << "at least one, whatever its size";
}

TEST(ChatRoom, DropsTheOldestBeyondItsBytes) {
  chat_room room(1'000);
  for (int i = 0; i < 100; ++i)
    room.append("a", i, std::string(100, 'x'));
  const auto kept = room.after(0, 1'000, 1'000'000).value();
  ASSERT_FALSE(kept.empty());
  EXPECT_LE(kept.size() * 100, 1'000U);
  EXPECT_EQ(kept.back().sequence, 100);
  EXPECT_EQ(kept.front().sequence, 100 - static_cast<std::int64_t>(kept.size()) + 1);
}

TEST(ChatRoom, KeepsAMessageLargerThanItsBytes) {
  chat_room room(10);
  room.append("a", 1, "a long message");
  EXPECT_EQ(room.after(0, 10, 1'000).value().size(), 1U);
}

TEST(ChatRoom, AdmitsTwoUsersOnly) {
  chat_room room;
  EXPECT_FALSE(room.admit("a"));
  EXPECT_FALSE(room.admit("b"));
  EXPECT_FALSE(room.admit("a"));
  EXPECT_EQ(room.admit("c"), boost::system::errc::permission_denied);
}

}  // namespace
}  // namespace presenter::chat_backend
