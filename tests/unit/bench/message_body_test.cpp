#include "bench/load_generator/message_body.hpp"

#include <gtest/gtest.h>

namespace presenter::bench {
namespace {

constexpr message_facts facts{.couple = 7, .side = 1, .sequence = 300, .sent_ns = 123'456'789};

TEST(MessageBody, ComesBackAsItWasWrittenInEverySize) {
  for (const std::size_t bytes :
       {body_bytes_min, std::size_t{41}, std::size_t{128}, std::size_t{60'000}}) {
    std::string body;
    write_body(facts, bytes, body);
    EXPECT_EQ(body.size(), bytes);
    EXPECT_EQ(read_body(body), facts);
  }
}

TEST(MessageBody, IsNeverSmallerThanItsFacts) {
  std::string body;
  write_body(facts, 1, body);
  EXPECT_EQ(body.size(), body_bytes_min);
  EXPECT_EQ(read_body(body), facts);
}

TEST(MessageBody, SeesEveryFlippedBitAndEveryTruncation) {
  std::string body;
  write_body(facts, 64, body);
  for (std::size_t i = 0; i < body.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string changed = body;
      changed[i] = static_cast<char>(changed[i] ^ (1 << bit));
      EXPECT_FALSE(read_body(changed)) << i;
    }
    EXPECT_FALSE(read_body(body.substr(0, i)));
  }
  EXPECT_FALSE(read_body(body + "x"));
}

TEST(MessageBody, SeesTheHalvesOfTwoMessagesSwapped) {
  std::string first, second;
  write_body(facts, 128, first);
  message_facts next = facts;
  ++next.sequence;
  write_body(next, 128, second);
  EXPECT_FALSE(read_body(first.substr(0, 64) + second.substr(64)));
}

}  // namespace
}  // namespace presenter::bench
