// What concerns the link and no stream: Hello, GoAway, liveness, and the end of a link.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "tests/support/mux_pair.hpp"

namespace presenter::protocol {
namespace {

using namespace std::chrono_literals;
using testing::backend_options;
using ::testing::Contains;
using ::testing::ElementsAre;
using testing::event_list;
using testing::frame_script;
using testing::gateway_options;
using ::testing::IsEmpty;
using testing::mux_end;
using testing::mux_pair;
using testing::recorded_stream;

hello_frame hello_of(link_role role, const std::function<void(hello_frame&)>& change) {
  hello_frame hello;
  hello.role = role;
  change(hello);
  return hello;
}

// --- Hello

TEST(MuxHello, IsTheFirstFrameOfEachSide) {
  mux_end gateway(gateway_options);
  EXPECT_THAT(gateway.written(), ElementsAre("hello"));
  EXPECT_FALSE(gateway.core.is_ready());
  EXPECT_FALSE(gateway.core.can_open());
}

TEST(MuxHello, MakesTheLinkReady) {
  mux_pair pair;
  pair.settle();
  EXPECT_THAT(pair.gateway.told(), ElementsAre("ready backend"));
  EXPECT_THAT(pair.backend.told(), ElementsAre("ready gateway"));
  EXPECT_TRUE(pair.gateway.core.can_open());
}

struct bad_hello {
  const char* name;
  std::function<void(hello_frame&)> change;
  const char* error;
};

TEST(MuxHello, EachDisagreementIsNamed) {
  const bad_hello cases[] = {
      {"same role", [](hello_frame& h) { h.role = link_role::gateway; }, "hello_role"},
      {"newer", [](hello_frame& h) { h.version_min = h.version_max = 2; }, "hello_version"},
      {"version 0", [](hello_frame& h) { h.version_min = 0; }, "field_invalid"},
      {"range upside down", [](hello_frame& h) { h.version_max = 0; }, "field_invalid"},
      {"small frames", [](hello_frame& h) { h.frame_bytes_max = 4'159; }, "field_invalid"},
      {"small window", [](hello_frame& h) { h.stream_window_bytes = 1'023; }, "field_invalid"},
      {"large window", [](hello_frame& h) { h.stream_window_bytes = (16 << 20) + 1; },
       "field_invalid"},
      {"small link window", [](hello_frame& h) { h.link_window_bytes = 16'383; }, "field_invalid"},
      {"large link window", [](hello_frame& h) { h.link_window_bytes = (1 << 30) + 1; },
       "field_invalid"},
      {"no streams", [](hello_frame& h) { h.streams_open_max = 0; }, "field_invalid"},
      {"no interval", [](hello_frame& h) { h.ping_interval_ms = 0; }, "field_invalid"},
  };
  for (const bad_hello& bad : cases) {
    SCOPED_TRACE(bad.name);
    mux_end gateway(gateway_options);
    gateway.written();
    gateway.feed(frame_script().hello(hello_of(link_role::backend, bad.change)));
    EXPECT_THAT(gateway.told(), ElementsAre(std::string("failed ") + bad.error));
    EXPECT_TRUE(gateway.core.is_over());
    EXPECT_EQ(gateway.written().size(), 1U) << "the GoAway that names the reason, and that only";
  }
}

TEST(MuxHello, OfAnotherThanTheOneExpectedEndsTheLink) {
  mux_options options = gateway_options;
  options.peer_node = "chat-a";
  const auto told_by = [&options](const std::string& name) {
    mux_end gateway(options);
    gateway.written();
    gateway.feed(frame_script().hello(
        hello_of(link_role::backend, [&name](hello_frame& hello) { hello.node = name; })));
    EXPECT_EQ(gateway.core.wrong_node(), gateway.core.is_over() ? name : "");
    return gateway.told();
  };
  EXPECT_THAT(told_by("chat-b"), ElementsAre("failed wrong_backend"));
  EXPECT_THAT(told_by("chat-"), ElementsAre("failed wrong_backend"));
  EXPECT_THAT(told_by("chat-a"), ElementsAre("ready chat-a"));
  EXPECT_THAT(told_by(""), ElementsAre("ready ")) << "who says nothing is no other";
}

TEST(MuxHello, MustBeFirst) {
  const std::vector<std::byte> scripts[] = {
      frame_script().accept(1).bytes(),    frame_script().data(1, "x").bytes(),
      frame_script().credit(0, 1).bytes(), frame_script().ping(1).bytes(),
      frame_script().pong(1).bytes(),      frame_script().reset(1).bytes(),
      frame_script().open(1, "k").bytes()};
  for (const std::vector<std::byte>& script : scripts) {
    mux_end gateway(gateway_options);
    gateway.feed(script);
    EXPECT_THAT(gateway.told(), ElementsAre("failed hello_expected"));
  }
}

TEST(MuxHello, ComesOnce) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->feed(frame_script().hello(link_role::backend));
  EXPECT_THAT(gateway->told(), ElementsAre("failed hello_repeated"));
}

TEST(MuxHello, ComesInTime) {
  mux_end gateway(gateway_options);
  gateway.pass(4'999ms);
  EXPECT_THAT(gateway.told(), IsEmpty());
  gateway.pass(1ms);
  EXPECT_THAT(gateway.told(), ElementsAre("failed hello_timeout"));
}

TEST(MuxHello, APeerThatDripsItsHelloIsNotWaitedForLonger) {
  mux_end gateway(gateway_options);
  const auto hello = frame_script().hello(link_role::backend).bytes();
  for (int i = 1; i <= 4; ++i) {
    gateway.core.on_input(std::span(hello).first(static_cast<std::size_t>(i)), gateway.now);
    gateway.pass(1'200ms);
  }
  gateway.pass(200ms);
  EXPECT_THAT(gateway.told(), ElementsAre("failed hello_timeout"));
}

TEST(MuxHello, GarbageIsNamed) {
  struct {
    std::initializer_list<int> bytes;
    const char* error;
  } const cases[] = {
      {{0, 0, 0, 0}, "frame_empty"},
      {{0x7f, 0xff, 0xff, 0xff}, "frame_oversize"},
      {{0x16, 0x03, 0x01, 0x02}, "frame_oversize"},  // a TLS record
      {{0, 0, 0, 3, 0xec, 0x00, 0x00}, "frame_unknown"},
      {{0, 0, 0, 3, 0x1c, 0x00, 0x00}, "frame_malformed"},
  };
  for (const auto& garbage : cases) {
    mux_end gateway(gateway_options);
    gateway.feed(frame_script().raw(garbage.bytes));
    EXPECT_EQ(gateway.events.size(), 1U);
    EXPECT_EQ(gateway.events.back(), std::string("failed ") + garbage.error);
  }
}

TEST(MuxLink, AfterAFailureEverythingIsTakenAndIgnored) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->feed(frame_script().pong(7).hello(link_role::backend).raw({1, 2, 3}));
  gateway->feed(frame_script().raw({1, 2, 3}));
  gateway->pass(1h);
  EXPECT_THAT(gateway->told(), ElementsAre("failed pong_unexpected"));
}

// --- GoAway

TEST(MuxGoAway, FromTheBackendRefusesWhatItHasNotSeen) {
  mux_pair pair;
  pair.settle();
  pair.gateway.open();
  pair.settle();
  pair.gateway.open();  // crosses the GoAway
  pair.backend.core.go_away(3s);
  pair.gateway.told();
  pair.settle();
  EXPECT_THAT(pair.gateway.told(), ElementsAre("2 refused 4", "go_away 1 0"));
  EXPECT_FALSE(pair.gateway.core.can_open());
  EXPECT_EQ(pair.backend.streams.size(), 1U);

  pair.gateway.stream(2).release();
  EXPECT_EQ(pair.gateway.send(1, "still here"), 10U);
  pair.settle();
  EXPECT_EQ(pair.backend.stream(1).received, "still here");
}

TEST(MuxGoAway, AnAcceptedStreamGoesOnWhateverTheGoAwaySays) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->open();
  gateway->feed(frame_script().accept(1).go_away(0).data(1, "x"));
  EXPECT_THAT(gateway->told(), ElementsAre("1 accepted", "go_away 0 0", "1 data x"));
}

TEST(MuxGoAway, FromTheGatewayLeavesItsStreamsAlone) {
  mux_pair pair;
  pair.settle();
  pair.gateway.open();
  pair.gateway.core.go_away(0ms);
  pair.gateway.core.go_away(0ms);
  EXPECT_FALSE(pair.gateway.core.can_open());
  pair.backend.told();
  pair.settle();
  EXPECT_THAT(pair.backend.told(), ElementsAre("open 1 k", "go_away 1 0"));
  EXPECT_TRUE(pair.backend.core.is_going_away());
  pair.backend.send(1, "x");
  pair.settle();
  EXPECT_EQ(pair.gateway.stream(1).received, "x");
}

TEST(MuxGoAway, BothAtOnce) {
  mux_pair pair;
  pair.settle();
  pair.gateway.open();
  pair.settle();
  pair.gateway.core.go_away(0ms);
  pair.backend.core.go_away(0ms);
  pair.settle();
  for (mux_end* end : {&pair.gateway, &pair.backend}) {
    end->core.finish({1});
  }
  pair.settle();
  for (mux_end* end : {&pair.gateway, &pair.backend}) {
    end->stream(1).release();
    EXPECT_FALSE(end->failed);
  }
  pair.expect_link_whole();
}

TEST(MuxGoAway, MayComeBeforeHello) {
  mux_end gateway(gateway_options);
  gateway.feed(frame_script().go_away(0, static_cast<int>(errc::hello_version)));
  EXPECT_FALSE(gateway.failed);
  EXPECT_EQ(gateway.events.size(), 1U);
}

TEST(MuxGoAway, IsSaidOnce) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->open();
  gateway->feed(frame_script().go_away(1).go_away(0).go_away(0));
  EXPECT_THAT(gateway->told(), ElementsAre("go_away 1 0"));
}

TEST(MuxGoAway, WithAnErrorEndsTheLinkEvenIfItsSenderDoesNot) {
  auto gateway = mux_end::ready(gateway_options);
  const auto malformed = static_cast<int>(errc::frame_malformed);
  gateway->feed(frame_script().go_away(0).go_away(0, malformed));
  gateway->told();
  gateway->pass(limits::go_away_timeout / 2);
  gateway->feed(frame_script().go_away(0, malformed).ping(1));
  EXPECT_FALSE(gateway->failed);
  gateway->pass(limits::go_away_timeout / 2);
  EXPECT_THAT(gateway->told(), ElementsAre("failed go_away"));
}

// --- liveness

TEST(MuxLiveness, PingsASilentPeerOnce) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->pass(4'999ms);
  EXPECT_THAT(gateway->written(), IsEmpty());
  gateway->pass(1ms);
  EXPECT_THAT(gateway->written(), ElementsAre("ping 1"));
  gateway->pass(2s);
  gateway->pass(2s);
  EXPECT_THAT(gateway->written(), IsEmpty()) << "at most one unanswered";
}

TEST(MuxLiveness, SuspectBeforeDead) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->pass(9'999ms);
  EXPECT_FALSE(gateway->core.is_suspect());
  EXPECT_TRUE(gateway->core.can_open());
  gateway->pass(1ms);
  EXPECT_TRUE(gateway->core.is_suspect());
  EXPECT_FALSE(gateway->core.can_open()) << "no new streams on a suspect link";
  gateway->pass(9'999ms);
  EXPECT_THAT(gateway->told(), IsEmpty());
  gateway->pass(1ms);
  EXPECT_THAT(gateway->told(), ElementsAre("failed link_timeout"));
}

TEST(MuxLiveness, AnyByteIsProofOfLife) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->pass(12s);
  ASSERT_TRUE(gateway->core.is_suspect());
  const auto ping = frame_script().ping(1).bytes();
  EXPECT_EQ(gateway->core.on_input(std::span(ping).first(1), gateway->now), 0U);
  EXPECT_FALSE(gateway->core.is_suspect());
  EXPECT_THAT(gateway->told(), ElementsAre("can_open"));
  gateway->pass(19s);
  EXPECT_FALSE(gateway->failed);
}

// A backend that sends and sends, and whose Pong waits behind full sockets.
TEST(MuxLiveness, ABusyPeerIsNeverSuspectThoughItAnswersNoPing) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->open();
  gateway->feed(frame_script().accept(1));
  for (int i = 0; i < 1'000; ++i) {
    gateway->pass(9'999ms);
    ASSERT_FALSE(gateway->core.is_suspect());
    gateway->feed(frame_script().data(1, "x"));
  }
  EXPECT_FALSE(gateway->failed);
  EXPECT_TRUE(gateway->core.can_open());
}

mux_options with_link_stall_timeout() {
  mux_options options = gateway_options;
  options.link_stall_timeout = 60s;
  return options;
}

// Streams that the whole window of the link is spent on, and one that waits for it.
void exhaust_link(mux_end& gateway) {
  for (int i = 0; i < 3; ++i)
    gateway.open();
  gateway.send_filler(1, 8'192);
  gateway.send_filler(2, 8'192);
  gateway.core.wait_writable({3});
  gateway.written();
  ASSERT_EQ(gateway.core.link_credit(), 0);
}

hello_frame small_link_window() {
  hello_frame hello;
  hello.stream_window_bytes = 8'192;
  hello.link_window_bytes = 16'384;
  return hello;
}

// Its Pings are answered, its bytes are proof of life, and nobody can say anything.
TEST(MuxLiveness, APeerThatGrantsTheLinkNothingIsSuspectThenGivenUp) {
  auto gateway = mux_end::ready(with_link_stall_timeout(), small_link_window());
  exhaust_link(*gateway);
  gateway->pass(0s);
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(gateway->core.is_suspect(), i >= 1);
    EXPECT_EQ(gateway->core.can_open(), i < 1);
    EXPECT_FALSE(gateway->failed);
    // The stream that waits gives up, and no other takes its place.
    if (i == 2) gateway->core.reset({3}, reset_reason::stalled);
    gateway->pass(5s);
    gateway->feed(frame_script().ping(i).credit(1, 4'096));
    gateway->pass(5s);
  }
  const auto told = gateway->told();
  EXPECT_THAT(told,
              ::testing::UnorderedElementsAre("1 link_lost", "2 link_lost", "failed link_stalled"));
  EXPECT_EQ(told.back(), "failed link_stalled");
}

TEST(MuxLiveness, CreditForTheLinkEndsTheSuspicion) {
  auto gateway = mux_end::ready(with_link_stall_timeout(), small_link_window());
  exhaust_link(*gateway);
  gateway->pass(0s);
  gateway->pass(11s);
  gateway->feed(frame_script().ping(1));
  ASSERT_TRUE(gateway->core.is_suspect());
  gateway->feed(frame_script().credit(0, 4'096));
  EXPECT_FALSE(gateway->core.is_suspect());
  EXPECT_THAT(gateway->told(), Contains("can_open"));
  for (int i = 0; i < 10; ++i) {
    gateway->pass(9s);
    gateway->feed(frame_script().ping(i));
  }
  EXPECT_FALSE(gateway->failed) << "a window above 0 starves nobody";
}

TEST(MuxLiveness, AnExhaustedLinkThatNobodyWaitsForGoesOn) {
  auto gateway = mux_end::ready(with_link_stall_timeout(), small_link_window());
  for (int i = 1; i <= 2; ++i) {
    gateway->open();
    gateway->send_filler(i, 8'192);
  }
  ASSERT_EQ(gateway->core.link_credit(), 0);
  for (int i = 0; i < 20; ++i) {
    gateway->pass(9s);
    gateway->feed(frame_script().ping(i));
  }
  EXPECT_FALSE(gateway->failed || gateway->core.is_suspect());
}

// Both processes were stopped, or the machine they are on: nobody is to blame.
TEST(MuxLiveness, TheTimeInWhichThisSideStoodStillIsNotThePeersSilence) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->pass(4s);
  gateway->stand_still(1h);
  EXPECT_FALSE(gateway->failed || gateway->core.is_suspect());
  EXPECT_THAT(gateway->written(), ElementsAre("ping 1"));
  gateway->pass(10'999ms);
  EXPECT_FALSE(gateway->failed);
  gateway->pass(1ms);
  EXPECT_THAT(gateway->told(), ElementsAre("failed link_timeout")) << "but later silence is";
}

TEST(MuxLiveness, AnsweredPingsGoOn) {
  mux_pair pair;
  pair.settle();
  for (int i = 0; i < 100; ++i) {
    pair.gateway.pass(5s);
    pair.backend.pass(5s);
    pair.settle();
  }
  EXPECT_FALSE(pair.gateway.failed || pair.backend.failed);
}

TEST(MuxLiveness, AFloodOfPingsCostsOnePong) {
  auto backend = mux_end::ready(backend_options);
  frame_script flood;
  for (int i = 1; i <= 1'000; ++i)
    flood.ping(i);
  backend->feed(flood);
  EXPECT_THAT(backend->written(), ElementsAre("pong 1000"));
}

TEST(MuxLiveness, APongThatAnswersNothingEndsTheLink) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->pass(5s);
  gateway->feed(frame_script().pong(1));
  EXPECT_FALSE(gateway->failed);
  gateway->feed(frame_script().pong(1));
  EXPECT_THAT(gateway->told(), ElementsAre("failed pong_unexpected"));
}

// --- the end

TEST(MuxLink, ClosingTellsEveryStreamOnce) {
  auto gateway = mux_end::ready(gateway_options);
  for (int i = 0; i < 3; ++i)
    gateway->open();
  gateway->stream(2).release();
  gateway->core.close();
  gateway->core.close();
  EXPECT_THAT(gateway->told(), ::testing::UnorderedElementsAre("1 link_lost", "3 link_lost"));
  EXPECT_EQ(gateway->core.streams_open(), 0U);
  gateway->stream(1).release();  // late, and harmless
}

TEST(MuxLink, AFailureNamesItselfToThePeerAndDropsQueuedData) {
  auto gateway = mux_end::ready(gateway_options);
  gateway->open();
  gateway->send(1, "never leaves");
  gateway->feed(frame_script().accept(9));
  EXPECT_THAT(gateway->told(), ElementsAre("1 link_lost", "failed stream_never_opened"));
  EXPECT_THAT(gateway->written(), ElementsAre("open 1", "go_away 1 12"));
}

}  // namespace
}  // namespace presenter::protocol
