#include "gateway/moves/stream_handoff.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace presenter::gateway {
namespace {

using protocol::checkpoint_frame;

constexpr std::size_t room_bytes = 2 * handoff_room::bytes_at_first;

checkpoint_frame piece(std::string_view unread) {
  checkpoint_frame frame;
  frame.unread = unread;
  return frame;
}

checkpoint_frame last(std::string_view state, std::string_view unread = {}) {
  checkpoint_frame frame = piece(unread);
  frame.state = state;
  frame.last = true;
  return frame;
}

std::string text_of(const byte_buffer& buffer) {
  return {reinterpret_cast<const char*>(buffer.bytes().data()), buffer.size()};
}

class StreamHandoff : public ::testing::Test {
 protected:
  void begin(move_cause cause = move_cause::rebalanced) { handoff.emplace(cause, "chat-a", room); }

  handoff_room room{{.bytes_max = room_bytes, .awaited_max = 3}};
  std::optional<stream_handoff> handoff;
};

TEST_F(StreamHandoff, HoldsTheStateAndAllPiecesInTheirOrder) {
  begin();
  EXPECT_EQ(handoff->on_checkpoint(piece("one, ")), handoff_step::await);
  EXPECT_EQ(handoff->on_checkpoint(piece("two, ")), handoff_step::await);
  EXPECT_FALSE(handoff->is_held());
  checkpoint_frame end = last("state", "three");
  end.consumed = 1'000;
  end.produced = 2'000;
  end.finished = true;
  EXPECT_EQ(handoff->on_checkpoint(end), handoff_step::held);
  EXPECT_TRUE(handoff->is_held());

  const checkpoint_frame next = handoff->checkpoint();
  EXPECT_EQ(next.state, "state");
  EXPECT_EQ(next.consumed, 1'000);
  EXPECT_EQ(next.produced, 2'000);
  EXPECT_TRUE(next.finished);
  EXPECT_TRUE(next.unread.empty()) << "these are sent as Data";
  EXPECT_EQ(text_of(handoff->take_unread()), "one, two, three");
}

TEST_F(StreamHandoff, IgnoresADepositThatWasOnItsWay) {
  begin();
  checkpoint_frame deposit;
  deposit.state = "older";
  EXPECT_EQ(handoff->on_checkpoint(deposit), handoff_step::await);
  handoff->on_checkpoint(last("newer"));
  EXPECT_EQ(handoff->checkpoint().state, "newer");
}

TEST_F(StreamHandoff, TellsTheOldBackendAndTheNewOneWhy) {
  begin(move_cause::rebalanced);
  EXPECT_EQ(handoff->reason(), protocol::handoff_reason::rebalanced);
  EXPECT_EQ(handoff->continued().cause, protocol::continue_cause::rebalanced);
  EXPECT_EQ(handoff->continued().node, "chat-a");
  for (const auto cause : {move_cause::drained, move_cause::left}) {
    begin(cause);
    EXPECT_EQ(handoff->reason(), protocol::handoff_reason::draining);
    EXPECT_EQ(handoff->continued().cause, protocol::continue_cause::draining);
  }
}

TEST_F(StreamHandoff, KeepsRoomForWhatMayComeAndThenOnlyForWhatHasCome) {
  begin();
  EXPECT_EQ(room.bytes(), handoff_room::bytes_at_first);
  handoff->on_checkpoint(last("state", "unread"));
  EXPECT_EQ(room.bytes(), 11U);
  handoff.reset();
  EXPECT_EQ(room.bytes(), 0U);
}

TEST_F(StreamHandoff, TakesMoreThanThatAsLongAsThereIsRoom) {
  begin();
  const std::string large(handoff_room::bytes_at_first, 'x');
  EXPECT_EQ(handoff->on_checkpoint(piece(large)), handoff_step::await);
  EXPECT_EQ(handoff->on_checkpoint(piece(large)), handoff_step::await);
  EXPECT_EQ(room.bytes(), room_bytes);
  EXPECT_EQ(handoff->on_checkpoint(piece("x")), handoff_step::fail);
  EXPECT_EQ(handoff->result(), handoff_result::held_limit);
  handoff.reset();
  EXPECT_EQ(room.bytes(), 0U);
}

TEST_F(StreamHandoff, AnnouncesItsRoomSoThatOthersWait) {
  EXPECT_TRUE(room.has_room());
  begin();
  EXPECT_TRUE(room.has_room());
  stream_handoff other(move_cause::drained, "chat-b", room);
  EXPECT_FALSE(room.has_room());
  handoff->on_checkpoint(last("state"));
  EXPECT_FALSE(room.has_room()) << "a state is held";
  handoff.reset();
  EXPECT_TRUE(room.has_room());
}

TEST_F(StreamHandoff, AwaitsNoMoreAnswersThanThePaceLetsGoInASecond) {
  room.set_limits(handoff_limits::at(2, 100 * handoff_room::bytes_at_first));
  begin();
  stream_handoff other(move_cause::drained, "chat-b", room);
  EXPECT_FALSE(room.may_await());
  EXPECT_FALSE(room.has_room());
  handoff->on_checkpoint(last("state"));
  EXPECT_TRUE(room.has_room()) << "its client may take its time with the rest";
  handoff->await_owner();
  EXPECT_FALSE(room.has_room());
  handoff.reset();
  EXPECT_TRUE(room.has_room());
}

TEST_F(StreamHandoff, HoldsWhatWasDepositedOnceTheBackendIsKnownToBeGone) {
  deposit_store deposits;
  checkpoint_frame from;
  from.consumed = 7;
  from.produced = 9;
  from.state = "state";
  deposit* const left = deposits.keep(nullptr, from);
  const auto lost_at = std::chrono::steady_clock::now();
  handoff.emplace("chat-a", *left, true, room, lost_at);
  EXPECT_TRUE(handoff->is_crash());
  EXPECT_FALSE(handoff->is_held());
  EXPECT_EQ(handoff->lost_at(), lost_at);
  EXPECT_EQ(handoff->success(), handoff_result::crash_done);
  handoff->hold_after_crash();
  EXPECT_TRUE(handoff->is_held());
  EXPECT_EQ(handoff->continued().cause, protocol::continue_cause::crash);
  EXPECT_EQ(handoff->continued().node, "chat-a");
  const checkpoint_frame next = handoff->checkpoint();
  EXPECT_EQ(next.consumed, 7);
  EXPECT_EQ(next.produced, 9);
  EXPECT_EQ(next.state, "state");
  EXPECT_TRUE(next.finished);
  EXPECT_TRUE(handoff->take_unread().empty());
  EXPECT_EQ(room.bytes(), 0U) << "a deposit is counted where it lies";
  handoff.reset();
  deposits.drop(left);
}

TEST(HandoffRoom, LetsOneAtATimeThroughHoweverSmall) {
  handoff_room small(handoff_limits::at(0.5, 1));
  EXPECT_TRUE(small.has_room());
  stream_handoff one(move_cause::drained, "chat-a", small);
  EXPECT_FALSE(small.has_room());
}

}  // namespace
}  // namespace presenter::gateway
