// What may happen to a stream while it is handed over, and what a hostile peer may try:
// protocol/README.md §4.11, §4.12 and §5.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "handoff_ends.hpp"

namespace presenter::protocol {
namespace {

using std::chrono::milliseconds;
using testing::checkpoint_of;
using ::testing::ElementsAre;
using testing::frame_script;
using testing::handoff_end;
using ::testing::IsEmpty;
using testing::mux_end;

struct MuxHandoffMeanwhile : testing::handoff_fixture {};

TEST_F(MuxHandoffMeanwhile, BothSidesFinishAndNoAnswerIsDue) {
  gateway->core.finish({1});
  hand_off();
  gateway->feed(frame_script().finish(1).last(1, 0, 0, "late"));
  EXPECT_THAT(gateway->told(), ElementsAre("1 finish"));
  gateway->stream(1).release();
  EXPECT_EQ(gateway->core.streams_open(), 0U);

  backend->feed(frame_script().finish(1).handoff(1));
  backend->core.finish({1});
  checkpoint_frame last = checkpoint_of(1, 0, 0, "late");
  last.last = true;
  EXPECT_TRUE(backend->core.submit_checkpoint(last));
  backend->stream(1).release();
  EXPECT_THAT(backend->written(), ElementsAre("finish 1"));
  EXPECT_EQ(backend->core.streams_open(), 0U);
}

TEST_F(MuxHandoffMeanwhile, TheLinkGoesAwayAndTheAnswerIsTakenAllTheSame) {
  hand_off();
  gateway->feed(frame_script().go_away(1, 0, 1'000).last(1, 0, 0, "state"));
  EXPECT_EQ(gateway->told().back(), "1 checkpoint 0 0 state last");
  EXPECT_FALSE(gateway->core.can_open()) << "it goes on over another link";
}

TEST_F(MuxHandoffMeanwhile, TheLinkIsLostBetweenTwoPieces) {
  gateway->send(1, "abcd");
  hand_off();
  gateway->feed(frame_script().piece(1, "ab"));
  gateway->told();
  gateway->core.close();
  EXPECT_THAT(gateway->told(), ElementsAre("1 link_lost"));
}

TEST_F(MuxHandoffMeanwhile, AfterTheLastOneALostLinkIsNoNews) {
  hand_off();
  gateway->feed(frame_script().last(1, 0, 0, "state"));
  gateway->told();
  gateway->core.close();
  EXPECT_THAT(gateway->told(), IsEmpty());
}

TEST_F(MuxHandoffMeanwhile, AStreamThatWaitedToSendHasNoTurnAnyMore) {
  while (gateway->send_filler(1, 16'384) != 0) {
  }
  gateway->core.wait_writable({1});
  hand_off();
  gateway->core.wait_writable({1});
  gateway->written();
  gateway->told();
  gateway->feed(frame_script().credit(1, 30'000));
  EXPECT_THAT(gateway->written(), IsEmpty());
  EXPECT_THAT(gateway->told(), IsEmpty());
}

TEST_F(MuxHandoffMeanwhile, TheClientLeaves) {
  gateway->send(1, "abc");
  hand_off();
  gateway->stream(1).release();
  gateway->feed(frame_script().data(1, "x").piece(1, "ab").last(1, 0, 1, "s", "c"));
  EXPECT_EQ(gateway->core.streams_open(), 0U);
  EXPECT_EQ(gateway->core.link_bytes_buffered(), 0);
  EXPECT_EQ(gateway->core.counters().stream_errors, 0U);

  // At the backend: the Reset finds the stream that it has given up, or has not yet.
  backend->feed(frame_script().handoff(1).reset(1, reset_reason::client_gone));
  checkpoint_frame last = checkpoint_of(1, 0, 0, "s");
  last.last = true;
  EXPECT_TRUE(backend->core.submit_checkpoint(last));
  backend->stream(1).release();
  EXPECT_THAT(backend->written(), ElementsAre("reset 1 acknowledged"));
  EXPECT_EQ(backend->core.streams_open(), 0U);
}

TEST_F(MuxHandoffMeanwhile, HandlersMayEndTheStreamFromInside) {
  gateway->send(1, "abc");
  hand_off();
  gateway->during = [this](std::string_view event) {
    if (event.starts_with("1 checkpoint")) gateway->stream(1).release();
  };
  gateway->feed(frame_script().last(1, 0, 0, "s", "abc"));
  EXPECT_EQ(gateway->core.streams_open(), 0U);

  gateway = handoff_end(link_role::gateway);
  SetUp();
  gateway->during = [this](std::string_view event) {
    if (event.starts_with("1 checkpoint")) gateway->stream(1).release();
  };
  gateway->feed(frame_script().deposit(1, 0, 0, "s").deposit(1, 0, 0, "t"));
  EXPECT_EQ(gateway->told().size(), 1U);

  backend = handoff_end(link_role::backend);
  backend->during = [this](std::string_view event) {
    if (!event.starts_with("1 handoff")) return;
    checkpoint_frame last = checkpoint_of(1, 0, 0, "s");
    last.last = true;
    EXPECT_TRUE(backend->core.submit_checkpoint(last));
    backend->stream(1).release();
  };
  backend->feed(frame_script().open(1, "k").handoff(1).notice(1));
  EXPECT_THAT(backend->written(), ElementsAre("accept 1", "1 checkpoint 0 0 s last"));
  EXPECT_EQ(backend->core.streams_open(), 0U);
}

TEST_F(MuxHandoffMeanwhile, DepositsWithoutEndTakeNoMemory) {
  const std::size_t before = gateway->core.memory_bytes();
  frame_script deposits;
  for (int n = 0; n < 20'000; ++n)
    deposits.deposit(1, 0, 0, "12345678");
  gateway->feed(deposits);
  EXPECT_EQ(gateway->core.memory_bytes(), before);
  EXPECT_THAT(gateway->written(), IsEmpty());
  EXPECT_FALSE(gateway->failed);
}

TEST_F(MuxHandoffMeanwhile, PiecesWithoutEndAreStoppedByTheWindow) {
  gateway->send(1, "ab");
  hand_off();
  gateway->feed(frame_script().piece(1, "a").piece(1, "b").piece(1, "c"));
  EXPECT_EQ(gateway->told().back(), "1 reset position_mismatch by us");
  // The peer goes on: that is late, and counts for nothing.
  gateway->feed(frame_script().piece(1, "d").last(1, 0, 0, "s"));
  EXPECT_THAT(gateway->told(), IsEmpty());
  EXPECT_EQ(gateway->core.counters().stream_errors, 1U);
}

TEST_F(MuxHandoffMeanwhile, AStreamThatWasNeverOpenedIsALinkError) {
  gateway->feed(frame_script().last(9, 0, 0, ""));
  EXPECT_EQ(gateway->told().back(), "failed stream_never_opened");
  for (const std::vector<std::byte>& script :
       {frame_script().handoff(9).bytes(), frame_script().notice(9).bytes()}) {
    backend = handoff_end(link_role::backend);
    backend->feed(script);
    EXPECT_EQ(backend->told().back(), "failed stream_never_opened");
  }
}

TEST_F(MuxHandoffMeanwhile, AStreamThatIsOverIsLate) {
  gateway->stream(1).release();
  gateway->feed(frame_script().reset(1, reset_reason::acknowledged));
  const std::uint64_t before = gateway->core.counters().late_frames;
  gateway->feed(frame_script().last(1, 0, 0, "").deposit(1, 0, 0, "").piece(1, "x"));
  EXPECT_EQ(gateway->core.counters().late_frames, before + 3);
  EXPECT_FALSE(gateway->failed);
}

TEST_F(MuxHandoffMeanwhile, WrongCheckpointsWithoutEndEndTheLink) {
  for (std::int64_t id = 2; !gateway->failed && id < 5'000; ++id) {
    gateway->open();
    gateway->feed(frame_script().accept(id).last(id, 0, 0, ""));
    gateway->stream(id).release();
    gateway->written();
  }
  EXPECT_EQ(gateway->told().back(), "failed stream_errors_exceeded");
}

}  // namespace
}  // namespace presenter::protocol
