// One stream: every frame in every state, as protocol/README.md §5 has it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/mux_pair.hpp"

namespace presenter::protocol {
namespace {

using testing::backend_options;
using ::testing::ElementsAre;
using testing::frame_script;
using testing::gateway_options;
using ::testing::IsEmpty;
using testing::mux_end;
using testing::mux_pair;

struct MuxGateway : ::testing::Test {
  std::unique_ptr<mux_end> gateway = mux_end::ready(gateway_options);
};
struct MuxBackend : ::testing::Test {
  std::unique_ptr<mux_end> backend = mux_end::ready(backend_options);
};

// --- ids and directions

TEST_F(MuxGateway, NumbersItsStreamsFromOne) {
  gateway->open();
  gateway->open();
  EXPECT_THAT(gateway->written(), ElementsAre("open 1", "open 2"));
}

TEST_F(MuxBackend, TakesIncreasingIdsOnly) {
  backend->feed(frame_script().open(1, "a").open(7, "b"));
  EXPECT_THAT(backend->told(), ElementsAre("open 1 a", "open 7 b"));
  backend->feed(frame_script().open(7, "c"));
  EXPECT_EQ(backend->told().back(), "failed stream_not_increasing");
}

TEST_F(MuxGateway, NeverTakesAnOpen) {
  gateway->feed(frame_script().open(1, "k"));
  EXPECT_THAT(gateway->told(), ElementsAre("failed wrong_direction"));
}

TEST_F(MuxBackend, NeverTakesAnAcceptOrRefuse) {
  backend->feed(frame_script().open(1, "k").accept(1));
  EXPECT_EQ(backend->told().back(), "failed wrong_direction");
  backend = mux_end::ready(backend_options);
  backend->feed(frame_script().open(1, "k").refuse(1, refuse_reason::busy));
  EXPECT_EQ(backend->told().back(), "failed wrong_direction");
}

TEST(MuxStream, FramesForIdsNeverOpenedEndTheLink) {
  const std::vector<std::byte> scripts[] = {
      frame_script().data(2, "x").bytes(), frame_script().finish(2).bytes(),
      frame_script().reset(2).bytes(), frame_script().credit(2, 1).bytes()};
  for (const std::vector<std::byte>& script : scripts) {
    auto gateway = mux_end::ready(gateway_options);
    gateway->open();
    gateway->feed(script);
    EXPECT_EQ(gateway->told().back(), "failed stream_never_opened");
    auto backend = mux_end::ready(backend_options);
    backend->feed(frame_script().open(1, "k"));
    backend->feed(script);
    EXPECT_EQ(backend->told().back(), "failed stream_never_opened");
  }
}

TEST_F(MuxBackend, FramesForAStreamThatIsOverAreIgnored) {
  backend->feed(frame_script().open(1, "k").reset(1));
  backend->stream(1).release();
  backend->told();
  backend->feed(frame_script().data(1, "x").finish(1).credit(1, 5).reset(1).data(1, ""));
  EXPECT_THAT(backend->told(), IsEmpty());
  EXPECT_EQ(backend->core.link_bytes_buffered(), 0);
  EXPECT_EQ(backend->core.counters().late_frames, 5U);
}

// --- Accept and Refuse

TEST_F(MuxGateway, DataMayFollowOpenAtOnce) {
  gateway->open();
  gateway->send(1, "hi");
  EXPECT_THAT(gateway->written(), ElementsAre("open 1", "data 1 hi"));
}

TEST_F(MuxGateway, DataOrFinishBeforeAcceptResetsTheStream) {
  for (const auto& script :
       {frame_script().data(1, "x").bytes(), frame_script().finish(1).bytes()}) {
    gateway = mux_end::ready(gateway_options);
    gateway->open();
    gateway->written();
    gateway->feed(script);
    EXPECT_THAT(gateway->told(), ElementsAre("1 reset bad_state by us"));
    EXPECT_THAT(gateway->written(), ElementsAre("reset 1 bad_state"));
    EXPECT_EQ(gateway->core.link_bytes_buffered(), 0);
    EXPECT_EQ(gateway->core.counters().stream_errors, 1U);
  }
}

TEST_F(MuxGateway, ASecondAcceptResetsTheStream) {
  gateway->open();
  gateway->feed(frame_script().accept(1).accept(1));
  EXPECT_THAT(gateway->told(), ElementsAre("1 accepted", "1 reset bad_state by us"));
}

TEST_F(MuxGateway, ARefusalEndsTheStreamBothWays) {
  gateway->open();
  gateway->send(1, "hi");
  gateway->feed(frame_script().refuse_busy(1, 100));
  EXPECT_THAT(gateway->told(), ElementsAre("1 refused 2"));
  EXPECT_EQ(gateway->send(1, "more"), 0U);
  gateway->written();
  gateway->stream(1).release();
  EXPECT_THAT(gateway->written(), IsEmpty()) << "a refused stream needs no Reset";
  EXPECT_EQ(gateway->core.streams_open(), 0U);
}

TEST_F(MuxGateway, ARefusalAfterAcceptResetsTheStream) {
  gateway->open();
  gateway->feed(frame_script().accept(1).refuse(1, refuse_reason::denied));
  EXPECT_THAT(gateway->told(), ElementsAre("1 accepted", "1 reset bad_state by us"));
}

TEST_F(MuxBackend, RefusingGivesBackTheCreditOfWhatCame) {
  backend->answer = mux_end::open_answer::wait;
  backend->consume_at_once = false;
  backend->feed(frame_script().open(1, "k").filler(1, 1'000));
  EXPECT_EQ(backend->core.link_bytes_buffered(), 1'000);
  backend->core.refuse({{1}, refuse_reason::busy, {}, 5});
  EXPECT_THAT(backend->written(), ElementsAre("refuse 1 2 after 5"));
  EXPECT_EQ(backend->core.link_bytes_buffered(), 0);
  EXPECT_EQ(backend->core.streams_open(), 0U);
  backend->feed(frame_script().filler(1, 1'000));
  EXPECT_EQ(backend->core.link_bytes_buffered(), 0);
}

TEST_F(MuxBackend, RefusesFromWithinOnOpen) {
  backend->answer = mux_end::open_answer::refuse;
  backend->feed(frame_script().open(1, "k").data(1, "x").finish(1));
  EXPECT_THAT(backend->told(), ElementsAre("open 1 k"));
  EXPECT_THAT(backend->written(), ElementsAre("refuse 1 3"));
}

TEST_F(MuxBackend, CannotRefuseWhatItAccepted) {
  backend->feed(frame_script().open(1, "k"));
  backend->core.refuse({{1}, refuse_reason::busy, {}, {}});
  EXPECT_THAT(backend->written(), ElementsAre("accept 1"));
  EXPECT_EQ(backend->core.streams_open(), 1U);
}

TEST_F(MuxBackend, RefusesOpensAfterItsGoAway) {
  backend->core.go_away(std::chrono::milliseconds(0));
  backend->feed(frame_script().open(1, "k").data(1, "x"));
  EXPECT_THAT(backend->written(), ElementsAre("go_away 0 0", "refuse 1 4"));
  EXPECT_THAT(backend->told(), IsEmpty());
  EXPECT_EQ(backend->core.link_bytes_buffered(), 0);
}

// --- half-close

TEST(MuxStream, EachDirectionEndsByItself) {
  mux_pair pair;
  pair.settle();
  pair.gateway.open();
  pair.gateway.send(1, "request");
  pair.gateway.core.finish({1});
  EXPECT_EQ(pair.gateway.send(1, "too late"), 0U);
  pair.settle();
  EXPECT_EQ(pair.backend.stream(1).received, "request");
  EXPECT_TRUE(pair.backend.stream(1).finished);

  pair.backend.send(1, "reply");
  pair.backend.core.finish({1});
  pair.backend.stream(1).release();
  pair.settle();
  EXPECT_EQ(pair.gateway.stream(1).received, "reply");
  EXPECT_TRUE(pair.gateway.stream(1).finished);
  pair.gateway.stream(1).release();
  EXPECT_THAT(pair.gateway.written(), IsEmpty());
  pair.expect_link_whole();
}

TEST_F(MuxBackend, FinishNeverOvertakesDataAndControlDoes) {
  backend->feed(frame_script().open(1, "k"));
  backend->send(1, "a");
  backend->core.finish({1});
  backend->feed(frame_script().ping(5));
  EXPECT_THAT(backend->written(), ElementsAre("accept 1", "pong 5", "data 1 a", "finish 1"));
}

TEST_F(MuxBackend, DataOrFinishAfterFinishResetsTheStream) {
  for (const auto& script :
       {frame_script().data(1, "x").bytes(), frame_script().finish(1).bytes()}) {
    backend = mux_end::ready(backend_options);
    backend->feed(frame_script().open(1, "k").finish(1));
    backend->feed(script);
    EXPECT_THAT(backend->told(), ElementsAre("open 1 k", "1 finish", "1 reset bad_state by us"));
    EXPECT_EQ(backend->core.link_bytes_buffered(), 0);
  }
}

TEST_F(MuxBackend, EmptyDataResetsTheStream) {
  backend->feed(frame_script().open(1, "k").data(1, ""));
  EXPECT_EQ(backend->told().back(), "1 reset data_empty by us");
}

// --- Reset

TEST_F(MuxBackend, AnswersAResetWhenItsUserReleases) {
  backend->feed(frame_script().open(1, "k").reset(1, reset_reason::client_gone));
  EXPECT_THAT(backend->told(), ElementsAre("open 1 k", "1 reset client_gone by peer"));
  EXPECT_THAT(backend->written(), ElementsAre("accept 1"));
  EXPECT_EQ(backend->core.streams_open(), 1U) << "until then it counts";
  EXPECT_EQ(backend->send(1, "x"), 0U);
  backend->stream(1).release();
  EXPECT_THAT(backend->written(), ElementsAre("reset 1 acknowledged"));
  EXPECT_EQ(backend->core.streams_open(), 0U);
}

// A user that closes what its peer has reset means nothing new by it.
TEST_F(MuxBackend, AnswersAResetWhateverItsUsersReason) {
  backend->feed(frame_script().open(1, "k").reset(1));
  backend->written();
  backend->core.reset({1}, reset_reason::cancelled);
  EXPECT_THAT(backend->written(), ElementsAre("reset 1 acknowledged"));
  backend->stream(1).release();
  EXPECT_THAT(backend->written(), IsEmpty());
  EXPECT_EQ(backend->core.streams_open(), 0U);
}

TEST_F(MuxBackend, AResetNeedsNoAnswerAfterFinish) {
  backend->feed(frame_script().open(1, "k"));
  backend->core.finish({1});
  backend->written();
  backend->feed(frame_script().reset(1));
  backend->stream(1).release();
  EXPECT_THAT(backend->written(), IsEmpty());
  EXPECT_EQ(backend->core.streams_open(), 0U);
}

TEST_F(MuxGateway, AResetStreamCountsUntilThePeerIsDoneToo) {
  gateway->open();
  gateway->feed(frame_script().accept(1));
  gateway->stream(1).release();
  EXPECT_THAT(gateway->written(), ElementsAre("open 1", "reset 1 cancelled"));
  EXPECT_EQ(gateway->core.streams_open(), 1U);
  gateway->feed(frame_script().data(1, "ignored").reset(1, reset_reason::acknowledged));
  EXPECT_EQ(gateway->core.streams_open(), 0U);
  EXPECT_EQ(gateway->core.link_bytes_buffered(), 0);
}

// The backend had accepted, answered and finished before our Reset reached it: it owes no answer.
TEST_F(MuxGateway, AResetThatCrossesAcceptAndFinishEndsTheStream) {
  gateway->open();
  gateway->stream(1).release();
  gateway->feed(frame_script().accept(1).data(1, "x").finish(1));
  EXPECT_EQ(gateway->core.streams_open(), 0U);
  EXPECT_EQ(gateway->core.link_bytes_buffered(), 0);
  EXPECT_EQ(gateway->core.counters().stream_errors, 0U);
}

TEST_F(MuxGateway, AResetThatCrossesARefusalEndsTheStream) {
  gateway->open();
  gateway->stream(1).release();
  gateway->feed(frame_script().refuse(1, refuse_reason::busy));
  EXPECT_EQ(gateway->core.streams_open(), 0U);
}

TEST_F(MuxGateway, ResetsThatCrossEndTheStream) {
  gateway->open();
  gateway->feed(frame_script().accept(1));
  gateway->core.reset({1}, reset_reason::stalled);
  gateway->feed(frame_script().reset(1));
  EXPECT_THAT(gateway->told(), ElementsAre("1 accepted")) << "who resets is not told so";
  gateway->stream(1).release();
  EXPECT_THAT(gateway->written(), ElementsAre("open 1", "reset 1 stalled"));
  EXPECT_EQ(gateway->core.streams_open(), 0U);
}

// A Reset for a broken rule is a control frame, and overtakes the Data and the Finish that its
// sender had queued.
TEST_F(MuxBackend, WhatAResetOvertookIsIgnored) {
  backend->consume_at_once = false;
  backend->feed(frame_script().open(1, "k").reset(1).data(1, "overtaken").finish(1).credit(1, 9));
  EXPECT_THAT(backend->told(), ElementsAre("open 1 k", "1 reset cancelled by peer"));
  EXPECT_THAT(backend->written(), ElementsAre("accept 1"));
  EXPECT_EQ(backend->core.counters().stream_errors, 0U);
  EXPECT_EQ(backend->core.link_bytes_buffered(), 0);
  backend->stream(1).release();
  EXPECT_THAT(backend->written(), ElementsAre("reset 1 acknowledged"));
}

// A user's own Reset is not: the last message would be lost.
TEST(MuxStream, AResetDoesNotOvertakeWhatItsUserSent) {
  mux_pair pair;
  pair.settle();
  pair.gateway.open();
  pair.settle();
  pair.gateway.send(1, "last words");
  pair.gateway.core.reset({1}, reset_reason::moved);
  pair.settle();
  EXPECT_EQ(pair.backend.stream(1).received, "last words");
  EXPECT_EQ(pair.backend.told().back(), "1 reset moved by peer");
  pair.backend.stream(1).release();
  pair.gateway.stream(1).release();
  pair.settle();
  pair.expect_link_whole();
}

TEST_F(MuxBackend, AFinishedStreamMayStillBeReset) {
  backend->feed(frame_script().open(1, "k"));
  backend->core.finish({1});
  backend->stream(1).release();
  EXPECT_THAT(backend->written(), ElementsAre("accept 1", "finish 1", "reset 1 cancelled"));
  backend->feed(frame_script().finish(1));
  EXPECT_EQ(backend->core.streams_open(), 0U);
}

TEST_F(MuxBackend, CommandsForUnknownStreamsAreIgnored) {
  backend->core.accept({5});
  backend->core.refuse({{5}, refuse_reason::busy, {}, {}});
  backend->core.wait_writable({5});
  backend->core.consumed({5}, 10);
  backend->core.finish({5});
  backend->core.reset({5}, reset_reason::internal);
  backend->core.release({5});
  EXPECT_EQ(backend->core.sendable({5}), 0U);
  EXPECT_EQ(backend->send(5, "x"), 0U);
  EXPECT_THAT(backend->written(), IsEmpty());
}

}  // namespace
}  // namespace presenter::protocol
