#include "protocol/mux/send_turns.hpp"

#include <gtest/gtest.h>

namespace presenter::protocol {
namespace {

mux_stream_state stream_with(std::int64_t credit) {
  static std::int64_t next = 1;
  return {stream_id{next++}, nullptr, credit, 1'000};
}

TEST(SendTurns, FirstComeFirstServed) {
  send_turns turns;
  auto first = stream_with(100);
  auto second = stream_with(100);
  EXPECT_TRUE(turns.add(first));
  EXPECT_TRUE(turns.add(second));
  EXPECT_FALSE(turns.add(first)) << "it has its place";
  EXPECT_EQ(turns.begin_next(), &first);
  turns.end();
  EXPECT_EQ(turns.begin_next(), &second);
  turns.end();
  EXPECT_EQ(turns.begin_next(), nullptr);
}

TEST(SendTurns, WithoutCreditNobodyHasATurn) {
  send_turns turns;
  auto poor = stream_with(0);
  EXPECT_FALSE(turns.add(poor));
  auto spender = stream_with(10);
  EXPECT_TRUE(turns.add(spender));
  spender.send.spend(10);
  EXPECT_EQ(turns.begin_next(), nullptr);
  EXPECT_FALSE(turns.is_anybody_waiting()) << "its Credit brings it back";
}

TEST(SendTurns, ATurnIsSoManyBytesAndNobodyOvertakes) {
  send_turns turns;
  auto speaker = stream_with(1'000'000);
  auto other = stream_with(1'000'000);
  EXPECT_FALSE(turns.must_wait(other)) << "nobody waits";
  turns.add(speaker);
  turns.add(other);
  EXPECT_TRUE(turns.must_wait(speaker)) << "its turn has not come";
  ASSERT_EQ(turns.begin_next(), &speaker);
  EXPECT_FALSE(turns.must_wait(speaker));
  turns.spend(speaker, 1);
  EXPECT_EQ(turns.share_of(speaker), limits::stream_turn_bytes - 1);
  EXPECT_EQ(turns.share_of(other), limits::stream_turn_bytes);
  turns.spend(speaker, limits::stream_turn_bytes - 1);
  EXPECT_TRUE(turns.must_wait(speaker)) << "its turn is used up";
}

TEST(SendTurns, WhoLeavesOrDiesIsForgotten) {
  send_turns turns;
  auto kept = stream_with(100);
  {
    auto gone = stream_with(100);
    turns.add(gone);
    turns.add(kept);
  }
  ASSERT_EQ(turns.begin_next(), &kept);
  turns.forget(kept);
  EXPECT_EQ(turns.share_of(kept), limits::stream_turn_bytes);
  turns.add(kept);
  kept.wants_turn = true;
  send_turns::leave(kept);
  EXPECT_FALSE(kept.wants_turn);
  EXPECT_FALSE(turns.is_anybody_waiting());
}

}  // namespace
}  // namespace presenter::protocol
