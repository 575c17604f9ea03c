// Deposits, giving up and taking over: protocol/README.md §4.12 and §5.
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
using testing::handoff_options;
using ::testing::IsEmpty;
using testing::mux_end;

struct MuxCheckpoint : testing::handoff_fixture {
  void expect_error(const std::vector<std::byte>& script, std::string_view reason) {
    gateway->feed(script);
    EXPECT_EQ(gateway->told().back(), "1 reset " + std::string(reason) + " by us");
    EXPECT_EQ(gateway->core.counters().stream_errors, 1U);
    EXPECT_EQ(gateway->core.link_bytes_buffered(), 0);
    open_both();
  }
};

// --- deposits

TEST_F(MuxCheckpoint, ADepositGoesBehindTheDataAndIsReplacedByTheNext) {
  backend->send(1, "hi");
  EXPECT_TRUE(backend->core.submit_checkpoint(checkpoint_of(1, 0, 2, "one")));
  EXPECT_TRUE(backend->core.submit_checkpoint(checkpoint_of(1, 0, 2, "two")));
  EXPECT_THAT(backend->written(),
              ElementsAre("data 1 hi", "1 checkpoint 0 2 one", "1 checkpoint 0 2 two"));
  gateway->feed(frame_script().data(1, "hi").deposit(1, 0, 2, "one").deposit(1, 0, 2, "two"));
  EXPECT_THAT(gateway->told(),
              ElementsAre("1 data hi", "1 checkpoint 0 2 one", "1 checkpoint 0 2 two"));
}

TEST_F(MuxCheckpoint, ADepositIsNotSentWhereItWouldBreakARule) {
  backend->core.submit_checkpoint(checkpoint_of(1, 0, 0, "too large"));
  backend->core.submit_checkpoint(checkpoint_of(5, 0, 0, "unknown"));
  backend->feed(frame_script().handoff(1));
  backend->core.submit_checkpoint(checkpoint_of(1, 0, 0, "late"));
  EXPECT_THAT(backend->written(), IsEmpty());

  backend = mux_end::ready(handoff_options(link_role::backend));
  EXPECT_EQ(backend->core.deposit_bytes_max(), 0);
  backend->feed(frame_script().open(1, "k"));
  backend->core.submit_checkpoint(checkpoint_of(1, 0, 0, ""));
  EXPECT_THAT(backend->written(), ElementsAre("accept 1"));
}

TEST_F(MuxCheckpoint, ADepositAboveTheLimitIsAnErrorAndOneAtItIsNot) {
  gateway->feed(frame_script().deposit(1, 0, 0, "12345678"));
  EXPECT_THAT(gateway->told(), ElementsAre("1 checkpoint 0 0 12345678"));
  expect_error(frame_script().deposit(1, 0, 0, "123456789").bytes(), "state_too_large");
}

TEST_F(MuxCheckpoint, WhereNoneIsTakenEveryDepositIsTooLarge) {
  mux_options options = handoff_options(link_role::gateway);
  options.hello.deposit_bytes_max = 0;
  gateway = mux_end::ready(options, handoff_options(link_role::backend).hello);
  gateway->open();
  gateway->feed(frame_script().accept(1).deposit(1, 0, 0, ""));
  EXPECT_EQ(gateway->told().back(), "1 reset state_too_large by us");
}

TEST_F(MuxCheckpoint, ADepositBehindFinishOrBeforeAcceptIsBadState) {
  checkpoint_frame finished = checkpoint_of(1, 0, 0, "");
  finished.finished = true;
  expect_error(frame_script().finish(1).checkpoint(finished).bytes(), "bad_state");
  gateway->open();
  gateway->feed(frame_script().deposit(2, 0, 0, ""));
  EXPECT_EQ(gateway->told().back(), "2 reset bad_state by us");
}

TEST_F(MuxCheckpoint, UnreadBytesOrTheLastOneWithoutAHandoffAreBadState) {
  gateway->send(1, "xy");
  gateway->written();
  expect_error(frame_script().piece(1, "x").bytes(), "bad_state");
  expect_error(frame_script().last(1, 0, 0, "").bytes(), "bad_state");
}

TEST_F(MuxCheckpoint, ALostLinkTellsWhetherTheDepositIsExact) {
  const auto lost = [this] {
    gateway->told();
    gateway->core.close();
    std::string event = gateway->told().back();
    SetUp();
    return event;
  };
  EXPECT_EQ(lost(), "1 link_lost");
  gateway->feed(frame_script().deposit(1, 0, 0, "a"));
  EXPECT_EQ(lost(), "1 link_lost exact");
  gateway->feed(frame_script().deposit(1, 1, 0, "a"));
  EXPECT_EQ(lost(), "1 link_lost");
  gateway->feed(frame_script().deposit(1, 0, 1, "a"));
  EXPECT_EQ(lost(), "1 link_lost");

  gateway->feed(frame_script().deposit(1, 0, 0, "a").data(1, "x"));
  EXPECT_EQ(lost(), "1 link_lost");
  gateway->feed(frame_script().data(1, "x").deposit(1, 0, 0, "a").deposit(1, 0, 1, "b"));
  EXPECT_EQ(lost(), "1 link_lost exact");
  gateway->feed(frame_script().deposit(1, 0, 0, "a").deposit(1, 7, 0, "b"));
  EXPECT_EQ(lost(), "1 link_lost");

  gateway->feed(frame_script().deposit(1, 0, 0, "a"));
  gateway->send(1, "x");
  EXPECT_EQ(lost(), "1 link_lost");
  gateway->send(1, "xyz");
  gateway->feed(frame_script().deposit(1, 3, 0, "a"));
  EXPECT_EQ(lost(), "1 link_lost exact");
}

// They take no credit: their number is what bounds them.
TEST_F(MuxCheckpoint, DepositsAboveTheirRateAreDroppedAndTheOldOneCountsNoMore) {
  mux_options options = handoff_options(link_role::gateway);
  options.deposits_per_second = 2;
  gateway = mux_end::ready(options, handoff_options(link_role::backend).hello);
  gateway->open();
  gateway->feed(frame_script().accept(1).deposit(1, 0, 0, "a").deposit(1, 0, 0, "b"));
  gateway->told();
  gateway->feed(frame_script().deposit(1, 0, 0, "c"));
  EXPECT_THAT(gateway->told(), IsEmpty());
  EXPECT_EQ(gateway->core.counters().deposits, 3U);
  EXPECT_EQ(gateway->core.counters().deposits_dropped, 1U);
  gateway->core.close();
  EXPECT_EQ(gateway->told().back(), "1 link_lost");
}

// Of a backend that is silent, or breaks a rule, nobody knows that it has ended.
TEST_F(MuxCheckpoint, ALinkThatThisSideGaveUpHasNoExactDeposit) {
  gateway->feed(frame_script().deposit(1, 0, 0, "a"));
  gateway->told();
  gateway->feed(frame_script().pong(9));
  EXPECT_THAT(gateway->told(), ::testing::Contains("1 link_lost"));
}

// --- giving up

TEST_F(MuxCheckpoint, TheLastOneEndsTheStreamForBothSides) {
  backend->feed(frame_script().data(1, "abcd").handoff(1));
  backend->send(1, "reply");
  checkpoint_frame last = checkpoint_of(1, 3, 5, "state");
  last.unread = "d";
  last.last = true;
  EXPECT_TRUE(backend->core.submit_checkpoint(last));
  EXPECT_EQ(backend->send(1, "never"), 0U);
  backend->stream(1).release();
  EXPECT_THAT(backend->written(), ElementsAre("data 1 reply", "1 checkpoint 3 5 state + d last"));
  EXPECT_EQ(backend->core.streams_open(), 0U);
  backend->feed(frame_script().credit(1, 300).reset(1, reset_reason::moved));
  EXPECT_THAT(backend->written(), IsEmpty());

  gateway->send(1, "abcd");
  hand_off();
  gateway->written();
  gateway->feed(frame_script().data(1, "reply").last(1, 3, 5, "state", "d").data(1, "late"));
  EXPECT_THAT(gateway->told(), ElementsAre("1 data reply", "1 checkpoint 3 5 state + d last"));
  gateway->stream(1).release();
  EXPECT_THAT(gateway->written(), IsEmpty());
  EXPECT_EQ(gateway->core.streams_open(), 0U);
  EXPECT_EQ(gateway->core.link_bytes_buffered(), 0);
}

TEST_F(MuxCheckpoint, LongUnreadBytesComeInPiecesBeforeIt) {
  gateway->send(1, "abcdef");
  hand_off();
  gateway->feed(frame_script().piece(1, "bc").piece(1, "de").last(1, 1, 0, "s", "f"));
  EXPECT_THAT(gateway->told(), ElementsAre("1 checkpoint 0 0  + bc", "1 checkpoint 0 0  + de",
                                           "1 checkpoint 1 0 s + f last"));

  backend->feed(frame_script().data(1, "abc").handoff(1));
  checkpoint_frame piece = checkpoint_of(1, 0, 0, "");
  piece.unread = "ab";
  backend->core.submit_checkpoint(piece);
  EXPECT_EQ(backend->send(1, "nothing comes between"), 0U);
  backend->core.finish({1});
  EXPECT_THAT(backend->written(), ElementsAre("1 checkpoint 0 0  + ab"));
}

TEST_F(MuxCheckpoint, NothingOfTheOldApplicationComesBehindAPiece) {
  for (const auto& script : {frame_script().data(1, "x").bytes(), frame_script().finish(1).bytes(),
                             frame_script().deposit(1, 0, 0, "").bytes()}) {
    gateway->send(1, "abc");
    hand_off();
    gateway->feed(frame_script().piece(1, "b"));
    expect_error(script, "bad_state");
  }
  gateway->send(1, "abc");
  hand_off();
  gateway->feed(frame_script().piece(1, "b").reset(1, reset_reason::moved));
  EXPECT_EQ(gateway->told().back(), "1 reset moved by peer");
}

TEST_F(MuxCheckpoint, APieceHasNoState) {
  gateway->send(1, "abc");
  hand_off();
  checkpoint_frame piece = checkpoint_of(1, 0, 0, "s");
  piece.unread = "b";
  expect_error(frame_script().checkpoint(piece).bytes(), "bad_state");
}

TEST_F(MuxCheckpoint, ADepositMayCrossTheHandoff) {
  gateway->send(1, "abc");
  hand_off();
  gateway->feed(frame_script().deposit(1, 0, 0, "old").last(1, 0, 0, "new", "abc"));
  EXPECT_THAT(gateway->told(),
              ElementsAre("1 checkpoint 0 0 old", "1 checkpoint 0 0 new + abc last"));
}

TEST_F(MuxCheckpoint, PositionsMustBeWhatTheGatewayCounted) {
  const std::vector<std::byte> wrong[] = {
      frame_script().data(1, "12").last(1, 2, 2, "", "").bytes(),   // a byte of the client is lost
      frame_script().data(1, "12").last(1, 3, 2, "", "c").bytes(),  // one comes twice
      frame_script().data(1, "12").last(1, 4, 2, "", "").bytes(),   // one that was never sent
      frame_script().data(1, "12").last(1, 3, 1, "", "").bytes(),   // one towards the client
      frame_script().data(1, "12").last(1, 3, 3, "", "").bytes(),   // the same
      frame_script().data(1, "12").piece(1, "c").last(1, 3, 2, "", "").bytes(),
      frame_script().finish(1).last(1, 3, 0, "", "").bytes()};  // whether it has finished
  for (const std::vector<std::byte>& script : wrong) {
    gateway->send(1, "abc");
    hand_off();
    gateway->written();
    gateway->feed(script);
    gateway->stream(1).release();
    EXPECT_EQ(gateway->core.streams_open(), 0U) << "to the backend it is over";
    SetUp();
    gateway->send(1, "abc");
    hand_off();
    gateway->written();
    expect_error(script, "position_mismatch");
  }
  gateway->send(1, "abc");
  hand_off();
  gateway->feed(frame_script().data(1, "12").piece(1, "b").last(1, 1, 2, "", "c"));
  EXPECT_EQ(gateway->told().back(), "1 checkpoint 1 2  + c last");
}

TEST_F(MuxCheckpoint, MoreUnreadBytesThanTheWindowLacksAreRefusedAtOnce) {
  gateway->send(1, "abc");
  hand_off();
  gateway->written();
  expect_error(frame_script().piece(1, "abcd").bytes(), "position_mismatch");
  gateway->send(1, "abc");
  hand_off();
  gateway->written();
  expect_error(frame_script().piece(1, "ab").piece(1, "cd").bytes(), "position_mismatch");
}

TEST_F(MuxCheckpoint, BehindItsOwnFinishItSaysSo) {
  gateway->send(1, "abc");
  hand_off();
  checkpoint_frame last = checkpoint_of(1, 0, 0, "s");
  last.unread = "abc";
  last.last = last.finished = true;
  gateway->feed(frame_script().finish(1).checkpoint(last));
  EXPECT_THAT(gateway->told(), ElementsAre("1 finish", "1 checkpoint 0 0 s + abc last finished"));

  backend->core.finish({1});
  backend->feed(frame_script().data(1, "abc").handoff(1));
  last.finished = false;  // is set by what was sent
  backend->core.submit_checkpoint(last);
  EXPECT_THAT(backend->written(),
              ElementsAre("finish 1", "1 checkpoint 0 0 s + abc last finished"));
}

TEST_F(MuxCheckpoint, NeedsNoCreditButRoomInTheQueue) {
  // The backend's window of the stream and its queue are full.
  while (backend->send_filler(1, 16'384) != 0) {
  }
  backend->core.wait_writable({1});
  backend->written();
  EXPECT_EQ(backend->core.sendable({1}), 0U);
  EXPECT_TRUE(backend->core.submit_checkpoint(checkpoint_of(1, 0, 65'536, "s")));
  EXPECT_THAT(backend->written(), ElementsAre("1 checkpoint 0 65536 s"));

  for (int id = 2; id <= 6; ++id)
    backend->feed(frame_script().open(id, "k"));
  for (int id = 2; id <= 6; ++id) {
    while (backend->send_filler(id, 16'384) != 0) {
    }
  }
  EXPECT_FALSE(backend->core.submit_checkpoint(checkpoint_of(1, 0, 65'536, "s")));
  backend->core.wait_checkpoint({1});
  backend->told();
  backend->during = [this](std::string_view event) {
    if (event != "1 writable") return;
    EXPECT_TRUE(backend->core.submit_checkpoint(checkpoint_of(1, 0, 65'536, "t")));
  };
  backend->checkpoint_turn = true;
  EXPECT_EQ(backend->written().back(), "1 checkpoint 0 65536 t");
  // The turn to send Data that it asked for has not been forgotten.
  backend->checkpoint_turn = false;
  backend->during = nullptr;
  backend->told();
  backend->feed(frame_script().credit(1, 300));
  EXPECT_THAT(backend->told(), ElementsAre("1 writable"));
}

// --- taking over

TEST_F(MuxCheckpoint, FollowsTheOpenOfAContinuedStreamDirectly) {
  open_frame open;
  open.key = "k";
  open.continued = {continue_cause::draining, "before"};
  checkpoint_frame checkpoint = checkpoint_of(9, 3, 5, "state");
  checkpoint.unread = "is sent as Data";
  checkpoint.last = true;
  gateway->streams.emplace(2, std::make_unique<testing::recorded_stream>(*gateway, stream_id{2}));
  EXPECT_EQ(gateway->core.open_continued(open, checkpoint, gateway->stream(2)), stream_id{2});
  gateway->send(2, "d");
  EXPECT_THAT(gateway->written(), ElementsAre("open 2", "2 checkpoint 3 5 state", "data 2 d"));
  // Positions go on from there.
  gateway->feed(frame_script().accept(2).data(2, "r"));
  gateway->core.hand_off({2}, handoff_reason::draining, 1, milliseconds(1));
  gateway->feed(frame_script().last(2, 4, 6, ""));
  EXPECT_EQ(gateway->told().back(), "2 checkpoint 4 6  last");
}

TEST_F(MuxCheckpoint, PositionsGoOnBeyondFourGigabytes) {
  open_frame open;
  open.key = "k";
  open.continued = {continue_cause::crash, "before"};
  constexpr std::int64_t before = 0xffff'ffffLL;
  gateway->streams.emplace(2, std::make_unique<testing::recorded_stream>(*gateway, stream_id{2}));
  gateway->core.open_continued(open, checkpoint_of(0, before, before, ""), gateway->stream(2));
  gateway->send(2, "abc");
  gateway->feed(frame_script().accept(2).data(2, "r"));
  gateway->core.hand_off({2}, handoff_reason::draining, 1, milliseconds(1));
  gateway->feed(frame_script().piece(2, "b").last(2, before + 1, before + 1, "", "c"));
  EXPECT_FALSE(gateway->failed);
  EXPECT_TRUE(gateway->told().back().ends_with(" + c last"));
}

TEST_F(MuxCheckpoint, ReachesTheNewApplicationBeforeAllElse) {
  backend->feed(frame_script().open_continued(2).deposit(2, 3, 5, "state").data(2, "d"));
  EXPECT_THAT(backend->told(), ElementsAre("open 2 k", "2 checkpoint 3 5 state", "2 data d"));
}

// Before it the backend does not know where the stream stands.
TEST_F(MuxCheckpoint, NothingIsSaidBeforeItButRefuseAndReset) {
  backend->feed(frame_script().open_continued(2));
  backend->core.accept({2});
  EXPECT_EQ(backend->send(2, "x"), 0U);
  backend->core.finish({2});
  EXPECT_TRUE(backend->core.submit_checkpoint(checkpoint_of(2, 0, 0, "deposit")));
  EXPECT_THAT(backend->written(), IsEmpty());
  backend->feed(frame_script().deposit(2, 3, 5, "state"));
  EXPECT_EQ(backend->send(2, "x"), 1U);
  EXPECT_THAT(backend->written(), ElementsAre("accept 2", "data 2 x"));
  backend->answer = mux_end::open_answer::wait;
  backend->feed(frame_script().open_continued(3).open_continued(4));
  backend->core.reset({3}, reset_reason::cancelled);
  backend->core.refuse({{4}, refuse_reason::denied, {}, {}});
  EXPECT_THAT(backend->written(), ElementsAre("reset 3 cancelled", "refuse 4 3"));
}

TEST_F(MuxCheckpoint, AContinuedStreamTakesNothingElseFirst) {
  const std::vector<std::byte> scripts[] = {
      frame_script().data(2, "x").bytes(),     frame_script().finish(2).bytes(),
      frame_script().credit(2, 300).bytes(),   frame_script().handoff(2).bytes(),
      frame_script().notice(2).bytes(),        frame_script().piece(2, "x").bytes(),
      frame_script().last(2, 0, 0, "").bytes()};
  for (const std::vector<std::byte>& script : scripts) {
    backend = handoff_end(link_role::backend);
    backend->feed(frame_script().open_continued(2));
    backend->feed(script);
    EXPECT_EQ(backend->told().back(), "2 reset bad_state by us");
    EXPECT_EQ(backend->core.link_bytes_buffered(), 0);
  }
  backend = handoff_end(link_role::backend);
  backend->feed(frame_script().open_continued(2).reset(2, reset_reason::client_gone));
  EXPECT_EQ(backend->told().back(), "2 reset client_gone by peer");
}

TEST_F(MuxCheckpoint, ComesOnceAndForContinuedStreamsOnly) {
  backend->feed(frame_script().deposit(1, 0, 0, ""));
  EXPECT_EQ(backend->told().back(), "1 reset bad_state by us");
  backend->feed(frame_script().open_continued(2).deposit(2, 0, 0, "").deposit(2, 0, 0, ""));
  EXPECT_EQ(backend->told().back(), "2 reset bad_state by us");
}

TEST_F(MuxCheckpoint, OfARefusedStreamIsIgnored) {
  backend->answer = mux_end::open_answer::refuse;
  backend->feed(frame_script().open_continued(2).deposit(2, 0, 0, "s").data(2, "x"));
  EXPECT_THAT(backend->told(), ElementsAre("open 2 k"));
  EXPECT_THAT(backend->written(), ElementsAre("refuse 2 3"));
}

TEST_F(MuxCheckpoint, ContinuedIsInvalidToABackendThatDidNotAnnounceIt) {
  backend = mux_end::ready(testing::mux_options_for(link_role::backend));
  backend->feed(frame_script().open_continued(1));
  EXPECT_EQ(backend->told().back(), "failed field_invalid");
  EXPECT_EQ(backend->core.failure_field(), "Open.continued");
}

TEST_F(MuxCheckpoint, AFinishedDirectionStaysFinishedAtTheNextBackend) {
  checkpoint_frame checkpoint = checkpoint_of(2, 3, 5, "s");
  checkpoint.finished = true;
  backend->feed(frame_script().open_continued(2).checkpoint(checkpoint));
  EXPECT_EQ(backend->send(2, "x"), 0U);
  backend->core.finish({2});
  EXPECT_THAT(backend->written(), ElementsAre("accept 2"));
  backend->feed(frame_script().finish(2));
  backend->stream(2).release();
  EXPECT_THAT(backend->written(), IsEmpty());
  EXPECT_EQ(backend->core.streams_open(), 1U) << "stream 1";

  open_frame open;
  open.key = "k";
  open.continued = {continue_cause::rebalanced, "before"};
  gateway->streams.emplace(2, std::make_unique<testing::recorded_stream>(*gateway, stream_id{2}));
  gateway->core.open_continued(open, checkpoint, gateway->stream(2));
  gateway->feed(frame_script().accept(2).data(2, "x"));
  EXPECT_EQ(gateway->told().back(), "2 reset bad_state by us");
}

TEST_F(MuxCheckpoint, AnnouncingHandoffTakesWholeFrames) {
  hello_frame peer = handoff_options(link_role::backend).hello;
  peer.frame_bytes_max = static_cast<std::int32_t>(limits::frame_bytes_max) - 1;
  mux_end end(handoff_options(link_role::gateway));
  end.feed(frame_script().hello(peer));
  EXPECT_EQ(end.told().back(), "failed field_invalid");
  EXPECT_EQ(end.core.failure_field(), "Hello.frame_bytes_max");
}

}  // namespace
}  // namespace presenter::protocol
