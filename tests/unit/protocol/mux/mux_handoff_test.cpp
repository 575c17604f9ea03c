// The gateway asks for a stream, the backend gives it up: protocol/README.md §4.11 and §5.
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

struct MuxHandoff : testing::handoff_fixture {};

TEST_F(MuxHandoff, GoesBehindTheDataOfItsStreamAndIsTheLastOfIt) {
  gateway->send(1, "a");
  hand_off();
  gateway->core.finish({1});
  hand_off();
  gateway->core.notify({1}, notice_reason::shedding, milliseconds(5));
  EXPECT_EQ(gateway->send(1, "b"), 0U);
  EXPECT_EQ(gateway->core.sendable({1}), 0U);
  EXPECT_THAT(gateway->written(), ElementsAre("data 1 a", "handoff 1 2 70"));
}

TEST_F(MuxHandoff, IsNotSentBeforeAcceptNorForAStreamThatIsOver) {
  gateway->open();
  gateway->core.hand_off({2}, handoff_reason::draining, 43, milliseconds(70));
  gateway->core.reset({1}, reset_reason::moved);
  hand_off();
  gateway->core.hand_off({7}, handoff_reason::draining, 43, milliseconds(70));
  EXPECT_THAT(gateway->written(), ElementsAre("open 2", "reset 1 moved"));
}

TEST_F(MuxHandoff, IsNotSentUnlessBothEndsAnnouncedIt) {
  gateway = mux_end::ready(handoff_options(link_role::gateway));
  EXPECT_FALSE(gateway->core.takes_handoffs());
  EXPECT_FALSE(gateway->core.takes_notices());
  gateway->open();
  gateway->feed(frame_script().accept(1));
  gateway->written();
  hand_off();
  gateway->core.notify({1}, notice_reason::shedding, milliseconds(5));
  EXPECT_THAT(gateway->written(), IsEmpty());
}

TEST_F(MuxHandoff, ADeadlineIsAtLeastAMillisecond) {
  gateway->core.hand_off({1}, handoff_reason::rebalanced, 0, milliseconds(0));
  EXPECT_THAT(gateway->written(), ElementsAre("handoff 1 1 1"));
}

TEST_F(MuxHandoff, IsUnknownToASideThatDidNotAnnounceIt) {
  const std::vector<std::byte> scripts[] = {frame_script().handoff(1).bytes(),
                                            frame_script().notice(1).bytes(),
                                            frame_script().deposit(1, 0, 0, "").bytes()};
  for (const link_role role : {link_role::gateway, link_role::backend}) {
    for (const std::vector<std::byte>& script : scripts) {
      const auto end = mux_end::ready(testing::mux_options_for(role));
      end->feed(script);
      EXPECT_EQ(end->told().back(), "failed frame_unknown");
    }
  }
}

TEST_F(MuxHandoff, ComesFromAGatewayOnly) {
  gateway->feed(frame_script().handoff(1));
  EXPECT_THAT(gateway->told(), ElementsAre("1 link_lost", "failed wrong_direction"));
  gateway = handoff_end(link_role::gateway);
  gateway->open();
  gateway->feed(frame_script().notice(1));
  EXPECT_THAT(gateway->told(), ElementsAre("1 link_lost", "failed wrong_direction"));
}

TEST_F(MuxHandoff, ReachesTheApplicationWithItsReasonEpochAndDeadline) {
  backend->feed(frame_script().data(1, "hi").handoff(1, 500));
  EXPECT_THAT(backend->told(), ElementsAre("1 data hi", "1 handoff 1 43 500"));
}

TEST_F(MuxHandoff, BeforeAcceptOrASecondTimeItIsBadState) {
  backend->answer = mux_end::open_answer::wait;
  backend->feed(frame_script().open(2, "b").handoff(2));
  EXPECT_EQ(backend->told().back(), "2 reset bad_state by us");
  backend->feed(frame_script().handoff(1).handoff(1));
  EXPECT_EQ(backend->told().back(), "1 reset bad_state by us");
}

TEST_F(MuxHandoff, NothingButCreditAndResetMayFollowIt) {
  const std::vector<std::byte> scripts[] = {
      frame_script().data(1, "x").bytes(), frame_script().finish(1).bytes(),
      frame_script().notice(1).bytes(), frame_script().deposit(1, 0, 0, "").bytes()};
  for (const std::vector<std::byte>& script : scripts) {
    backend = handoff_end(link_role::backend);
    backend->feed(frame_script().open(1, "k").handoff(1).credit(1, 300));
    backend->feed(script);
    EXPECT_EQ(backend->told().back(), "1 reset bad_state by us");
    EXPECT_EQ(backend->core.link_bytes_buffered(), 0);
  }
  backend = handoff_end(link_role::backend);
  backend->feed(frame_script().open(1, "k").handoff(1).reset(1, reset_reason::moved));
  EXPECT_EQ(backend->told().back(), "1 reset moved by peer");
}

TEST_F(MuxHandoff, IsIgnoredForAStreamThatIsReset) {
  backend->core.reset({1}, reset_reason::internal);
  backend->feed(frame_script().handoff(1).notice(1));
  EXPECT_THAT(backend->told(), IsEmpty());
  EXPECT_THAT(backend->written(), ElementsAre("reset 1 internal"));
}

TEST_F(MuxHandoff, HalfClosedStreamsCanBeAskedFor) {
  gateway->core.finish({1});
  hand_off();
  EXPECT_THAT(gateway->written(), ElementsAre("finish 1", "handoff 1 2 70"));
  backend->feed(frame_script().finish(1).handoff(1));
  EXPECT_THAT(backend->told(), ElementsAre("1 finish", "1 handoff 1 43 5000"));
  backend = handoff_end(link_role::backend);
  backend->feed(frame_script().open(1, "k"));
  backend->core.finish({1});
  backend->feed(frame_script().handoff(1));
  EXPECT_EQ(backend->told().back(), "1 handoff 1 43 5000");
}

TEST_F(MuxHandoff, ABackendMaySayMoreAndThenDecline) {
  backend->feed(frame_script().handoff(1));
  backend->send(1, "last words");
  backend->core.reset({1}, reset_reason::moved);
  EXPECT_THAT(backend->written(), ElementsAre("data 1 last words", "reset 1 moved"));
  hand_off();
  gateway->feed(frame_script().data(1, "last words").reset(1, reset_reason::moved));
  EXPECT_THAT(gateway->told(), ElementsAre("1 data last words", "1 reset moved by peer"));
}

TEST_F(MuxHandoff, AGatewayThatHasNoAnswerResets) {
  hand_off();
  gateway->core.reset({1}, reset_reason::moved);
  EXPECT_THAT(gateway->written(), ElementsAre("handoff 1 2 70", "reset 1 moved"));
  // The answer was on its way: to the backend the stream is over, and it sends nothing more.
  gateway->feed(frame_script().piece(1, "x").last(1, 0, 0, "state"));
  EXPECT_THAT(gateway->told(), IsEmpty());
  gateway->stream(1).release();
  EXPECT_EQ(gateway->core.streams_open(), 0U);
  EXPECT_EQ(gateway->core.counters().stream_errors, 0U);
}

TEST_F(MuxHandoff, ManyAtOnceAreNobodysFault) {
  for (int id = 2; id <= 20'000; ++id)
    gateway->open();
  frame_script accepts;
  for (int id = 2; id <= 20'000; ++id)
    accepts.accept(id);
  gateway->written();
  gateway->feed(accepts);
  for (int id = 1; id <= 20'000; ++id) {
    gateway->core.hand_off({id}, handoff_reason::rebalanced, 1LL << 60, milliseconds(1'000'000));
    gateway->core.notify({id}, notice_reason::shedding, milliseconds(5));
  }
  gateway->feed(frame_script().finish(1).data(2, "").ping(1));
  EXPECT_FALSE(gateway->failed);
}

TEST_F(MuxHandoff, ANoticeReachesTheApplicationAndMayBeRepeated) {
  gateway->core.notify({1}, notice_reason::shedding, milliseconds(5));
  gateway->core.notify({1}, notice_reason::gateway_draining, milliseconds(0));
  EXPECT_THAT(gateway->written(), ElementsAre("notice 1 2 5", "notice 1 1 1"));
  backend->feed(frame_script().notice(1, 9).notice(1, 8));
  EXPECT_THAT(backend->told(), ElementsAre("1 notice 1 9", "1 notice 1 8"));
}

}  // namespace
}  // namespace presenter::protocol
