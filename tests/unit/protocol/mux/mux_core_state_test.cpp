// A core that another process goes on with: neither end of the link, nor a stream's user, can tell.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "conversation.hpp"
#include "handoff_ends.hpp"

namespace presenter::protocol {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using testing::conversation_with;
using ::testing::ElementsAre;
using testing::event_list;
using testing::frame_script;
using testing::gateway_options;
using testing::handoff_options;
using ::testing::IsEmpty;
using testing::mux_end;
using testing::talking_end;

// Everything of it, for comparison; the table has no order.
auto all_of(mux_core& core) {
  mux_core_state state = core.freeze();
  std::ranges::sort(state.streams, {}, &mux_stream_values::stream);
  auto& [hello, peer, highest, streams, turns, due, available, window, control, data, finishes,
         commands, at_take, pong, liveness, sent, received] = state;
  const auto text = [](const byte_buffer& bytes) {
    return std::string(reinterpret_cast<const char*>(bytes.bytes().data()), bytes.size());
  };
  return std::tuple(hello, peer, highest, streams, turns, due, available, window, text(control),
                    text(data), finishes, commands, at_take, pong, liveness, sent, received);
}

// What an end was told and wrote after each frame of the conversation; something happens to it
// in front of one of them.
template <class Happening>
std::vector<event_list> played(std::size_t before, Happening happens) {
  const auto end = talking_end(link_role::gateway);
  std::vector<event_list> all;
  const auto& frames = conversation_with(link_role::gateway);
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (i == before) happens(*end);
    end->feed(frames[i]);
    all.push_back(end->told());
    // Output is taken seldom, so that it is queued when it happens.
    if (i % 3 == 2) all.push_back(end->written());
  }
  end->core.close();
  all.push_back(end->told());
  return all;
}

TEST(MuxCoreState, NobodyCanTellWhereverTheProcessChanges) {
  const auto expected = played(0, [](mux_end&) {});
  for (std::size_t before = 1; before < conversation_with(link_role::gateway).size(); ++before) {
    SCOPED_TRACE(before);
    const auto change = [](mux_end& end) {
      const auto was = all_of(end.core);
      end.change_process(gateway_options);
      EXPECT_EQ(all_of(end.core), was);
    };
    EXPECT_EQ(played(before, change), expected);
  }
}

TEST(MuxCoreState, FreezingAloneChangesNothing) {
  const auto expected = played(0, [](mux_end&) {});
  for (std::size_t before = 1; before < conversation_with(link_role::gateway).size(); ++before)
    EXPECT_EQ(played(before, [](mux_end& end) { end.core.freeze(); }), expected) << before;
}

TEST(MuxCoreState, SaysNoHelloAndNothingElseByItself) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->change_process(gateway_options);
  EXPECT_THAT(gateway->told(), IsEmpty());
  EXPECT_THAT(gateway->written(), IsEmpty());
  EXPECT_TRUE(gateway->core.can_open());
}

TEST(MuxCoreState, OutputThatNobodyHasTakenGoesAlong) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->open();
  gateway->send(1, "hi");
  gateway->feed(frame_script().ping(7));
  gateway->change_process(gateway_options);
  EXPECT_THAT(gateway->written(), ElementsAre("open 1", "pong 7", "data 1 hi"));
}

// Their queue, and the credit that one of them has spent since it asked.
TEST(MuxCoreState, ThoseWhoWaitKeepTheirPlaces) {
  auto gateway = mux_end::ready(gateway_options);
  for (int i = 0; i < 8; ++i)
    gateway->open();
  gateway->written();
  while (gateway->send_filler(1, 65'536) != 0 || gateway->send_filler(2, 65'536) != 0 ||
         gateway->send_filler(3, 65'536) != 0 || gateway->send_filler(4, 65'536) != 0) {
  }
  for (const std::int64_t id : {7, 5, 8, 6})
    gateway->core.wait_writable({id});
  gateway->change_process(gateway_options);
  event_list turns;
  gateway->during = [&](std::string_view event) {
    if (event.ends_with(" writable")) turns.emplace_back(event);
  };
  gateway->written();
  EXPECT_THAT(turns, ElementsAre("7 writable", "5 writable", "8 writable", "6 writable"));
}

TEST(MuxCoreState, AFinishThatWaitsAmongTheDataStillCounts) {
  mux_options options = gateway_options;
  hello_frame peer;
  peer.streams_open_max = 1;
  auto gateway = mux_end::ready(options, peer);
  gateway->open();
  gateway->feed(frame_script().accept(1).finish(1));
  gateway->send(1, "bye");
  gateway->core.finish({1});
  gateway->stream(1).release();
  gateway->change_process(options);
  EXPECT_FALSE(gateway->core.can_open()) << "the Open would overtake the Finish";
  gateway->written();
  EXPECT_TRUE(gateway->core.can_open());
}

TEST(MuxCoreState, AStreamThatIsHandedOverStaysSilent) {
  auto gateway = testing::handoff_end(link_role::gateway);
  gateway->open();
  gateway->feed(frame_script().accept(1).deposit(1, 0, 0, "s"));
  gateway->send(1, "abc");
  gateway->core.hand_off({1}, handoff_reason::draining, 43, 70ms);
  gateway->change_process(handoff_options(link_role::gateway));
  EXPECT_EQ(gateway->send(1, "more"), 0U);
  gateway->told();
  gateway->feed(frame_script().last(1, 1, 0, "state", "bc"));
  EXPECT_THAT(gateway->told(), Contains("1 checkpoint 1 0 state + bc last"));
}

TEST(MuxCoreState, APingThatIsOnItsWayIsAnswered) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->pass(6s);
  EXPECT_THAT(gateway->written(), ElementsAre("ping 1"));
  gateway->change_process(gateway_options);
  gateway->feed(frame_script().pong(1));
  EXPECT_FALSE(gateway->core.is_over());
  gateway->pass(6s);
  EXPECT_THAT(gateway->written(), ElementsAre("ping 2"));
}

// The peer has heard nothing that it did not expect, so it has as long as at the beginning.
TEST(MuxCoreState, AllWaitsBeginAnew) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->pass(19s);
  EXPECT_TRUE(gateway->core.is_suspect());
  gateway->change_process(gateway_options);
  EXPECT_FALSE(gateway->core.is_suspect());
  gateway->pass(19s);
  EXPECT_FALSE(gateway->core.is_over());
  gateway->pass(1s);
  EXPECT_TRUE(gateway->core.is_over());
}

// Its client could not go along.
TEST(MuxCoreState, AStreamWhoseUserDoesNotComeIsReset) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->open();
  gateway->open();
  gateway->feed(frame_script().accept(1).accept(2));
  gateway->consume_at_once = false;
  gateway->feed(frame_script().data(1, "unread"));
  gateway->written();
  mux_core_state state = gateway->core.freeze();

  mux_end other(gateway_options);
  mux_core next(gateway_options, std::move(state), other, other.now);
  EXPECT_TRUE(next.attach({2}, gateway->stream(2)));
  EXPECT_FALSE(next.attach({2}, gateway->stream(2))) << "it has a user already";
  EXPECT_FALSE(next.attach({3}, gateway->stream(2))) << "it was never opened";
  next.release_unattached();
  mux_output out;
  next.take_output(out);
  const auto bytes = out.control.bytes();
  EXPECT_THAT(testing::frames_in({bytes.begin(), bytes.end()}), ElementsAre("reset 1 cancelled"));
  EXPECT_EQ(next.link_bytes_buffered(), 0);
  next.close();
}

}  // namespace
}  // namespace presenter::protocol
