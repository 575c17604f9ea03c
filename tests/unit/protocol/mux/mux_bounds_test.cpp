// What a peer can make us hold or answer has a bound, and well-behaved peers never meet it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/mux_pair.hpp"

namespace presenter::protocol {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::frame_script;
using testing::mux_end;
using testing::mux_options_for;
using testing::mux_pair;

mux_options backend_with(std::int32_t streams_open_max) {
  mux_options options = mux_options_for(link_role::backend);
  options.hello.streams_open_max = streams_open_max;
  return options;
}

void expect_failed_with_a_full_queue(mux_end& backend) {
  EXPECT_EQ(backend.events.back(), "failed control_queue_full");
  mux_output out;
  backend.core.take_output(out);
  EXPECT_LE(out.control.size(), limits::control_queue_bytes_max + 4'096);
}

TEST(MuxBounds, OpenAndResetFloodTowardsAPeerThatDoesNotRead) {
  auto backend = mux_end::ready(mux_options_for(link_role::backend));
  backend->during = [&](std::string_view event) {
    if (event.find("by peer") == std::string_view::npos) return;
    backend->stream(std::stoll(std::string(event))).release();
  };
  std::int64_t id = 0;
  while (!backend->failed && id < 100'000) {
    ++id;
    backend->feed(frame_script().open(id, "k").reset(id));
  }
  expect_failed_with_a_full_queue(*backend);
}

// Found by tests/fuzz. A user that lets go of each stream before it has accepted it resets it, and
// the peer's own Reset ends it: nothing was left that counted what waits for the peer to read.
TEST(MuxBounds, OpenAndResetFloodTowardsAUserThatLetsGoAtOnce) {
  for (const bool has_data_waiting : {false, true}) {
    auto backend = mux_end::ready(mux_options_for(link_role::backend));
    backend->feed(frame_script().open(1, "k"));
    if (has_data_waiting) backend->send(1, "waits");
    backend->during = [&](std::string_view event) {
      if (!event.starts_with("open ")) return;
      backend->stream(std::stoll(std::string(event.substr(5)))).release();
    };
    backend->answer = mux_end::open_answer::wait;
    for (std::int64_t id = 2; !backend->failed && id < 100'000; ++id)
      backend->feed(frame_script().open(id, "k").reset(id));
    expect_failed_with_a_full_queue(*backend);
  }
}

TEST(MuxBounds, RefusalsAfterGoAwayAreBoundedToo) {
  auto backend = mux_end::ready(mux_options_for(link_role::backend));
  backend->core.go_away(std::chrono::milliseconds(0));
  for (std::int64_t id = 1; id < 100'000 && !backend->failed; ++id)
    backend->feed(frame_script().open(id, "k"));
  EXPECT_TRUE(backend->failed);
}

// One stream may be owed one answer: a gateway that resets all its streams while the socket is
// blocked for a moment is no attacker.
TEST(MuxBounds, EveryStreamMayBeResetAtOnce) {
  constexpr std::int64_t streams = 60'000;
  auto backend = mux_end::ready(mux_options_for(link_role::backend));
  for (std::int64_t id = 1; id <= streams; ++id) {
    backend->feed(frame_script().open(id, "k"));
    if (id % 1'000 == 0) backend->written();
  }
  for (std::int64_t id = 1; id <= streams; ++id) {
    backend->feed(frame_script().reset(id));
    backend->stream(id).release();
  }
  EXPECT_FALSE(backend->failed);
  EXPECT_EQ(backend->written().size(), std::size_t{streams});
}

TEST(MuxBounds, FailureFromWithinACommandIsSettledByTime) {
  constexpr std::int64_t streams = 60'000;
  mux_options options = mux_options_for(link_role::backend);
  options.hello.streams_opening_max = streams;
  auto backend = mux_end::ready(options);
  backend->answer = mux_end::open_answer::wait;
  for (std::int64_t id = 1; id <= streams; ++id)
    backend->feed(frame_script().open(id, "k"));
  for (std::int64_t id = 1; id <= streams; ++id)
    backend->core.refuse({{id}, refuse_reason::not_owner, std::int64_t{1} << 60, 1'000'000});
  ASSERT_TRUE(backend->core.is_over());
  EXPECT_FALSE(backend->failed) << "not from inside a command";
  backend->pass(std::chrono::milliseconds(1));
  EXPECT_EQ(backend->events.back(), "failed control_queue_full");
}

TEST(MuxBounds, OpensStopWhileTheControlQueueIsHalfFull) {
  auto gateway = mux_end::ready(mux_options_for(link_role::gateway));
  while (gateway->core.can_open())
    gateway->open(std::string(1'000, 'k'));
  EXPECT_LT(gateway->streams.size(), 200U);
  gateway->told();
  gateway->written();
  EXPECT_THAT(gateway->told(), ElementsAre("can_open"));
  EXPECT_TRUE(gateway->core.can_open());
}

// --- streams_open_max

TEST(MuxBounds, TheGatewayOpensNoMoreThanAnnounced) {
  hello_frame peer;
  peer.streams_open_max = 2;
  auto gateway = mux_end::ready(mux_options_for(link_role::gateway), peer);
  gateway->open();
  gateway->open();
  EXPECT_FALSE(gateway->core.can_open());
  gateway->feed(frame_script().accept(1).finish(1).accept(2));
  gateway->core.finish({1});
  gateway->told();
  gateway->stream(1).release();
  gateway->written();
  EXPECT_TRUE(gateway->core.can_open());
  EXPECT_THAT(gateway->told(), ElementsAre("can_open"));
}

TEST(MuxBounds, AnOpenTooManyEndsTheLink) {
  auto backend = mux_end::ready(backend_with(2));
  backend->feed(frame_script().open(1, "a").open(2, "b").open(3, "c"));
  EXPECT_EQ(backend->told().back(), "failed streams_exceeded");
}

TEST(MuxBounds, AResetStreamCountsUntilItsUserReleases) {
  auto backend = mux_end::ready(backend_with(1));
  backend->feed(frame_script().open(1, "a").reset(1).open(2, "b"));
  EXPECT_EQ(backend->told().back(), "failed streams_exceeded");

  backend = mux_end::ready(backend_with(1));
  backend->feed(frame_script().open(1, "a").reset(1));
  backend->stream(1).release();
  backend->feed(frame_script().open(2, "b"));
  EXPECT_EQ(backend->told().back(), "open 2 b");
}

// Both sides have finished: on the wire the stream is over, whatever the application still holds.
TEST(MuxBounds, AFinishedStreamDoesNotCountThoughItsUserHoldsIt) {
  auto backend = mux_end::ready(backend_with(1));
  backend->feed(frame_script().open(1, "a").finish(1));
  backend->core.finish({1});
  backend->feed(frame_script().open(2, "b"));
  EXPECT_EQ(backend->told().back(), "open 2 b");
}

// --- streams_opening_max

hello_frame hello_of_backend(std::int32_t streams_opening_max) {
  hello_frame hello;
  hello.streams_opening_max = streams_opening_max;
  return hello;
}

TEST(MuxBounds, TheGatewayOpensNoMoreThanMayBeUnaccepted) {
  auto gateway = mux_end::ready(mux_options_for(link_role::gateway), hello_of_backend(2));
  gateway->open();
  gateway->open();
  EXPECT_FALSE(gateway->core.can_open());
  gateway->told();
  gateway->feed(frame_script().accept(2));
  EXPECT_THAT(gateway->told(), ElementsAre("2 accepted", "can_open"));
  EXPECT_TRUE(gateway->core.can_open());
  gateway->open();
  gateway->feed(frame_script().refuse(1, refuse_reason::busy));
  gateway->told();
  gateway->stream(1).release();
  EXPECT_THAT(gateway->told(), ElementsAre("can_open"));
}

TEST(MuxBounds, AnUnacceptedOpenTooManyEndsTheLink) {
  mux_options options = mux_options_for(link_role::backend);
  options.hello.streams_opening_max = 2;
  auto backend = mux_end::ready(options);
  backend->answer = mux_end::open_answer::wait;
  backend->feed(frame_script().open(1, "a").open(2, "b"));
  backend->core.accept({1});
  backend->feed(frame_script().open(3, "c"));
  EXPECT_EQ(backend->told().back(), "open 3 c");
  backend->feed(frame_script().open(4, "d"));
  EXPECT_EQ(backend->told().back(), "failed streams_exceeded");
}

// The peer sees such a stream as over; what our user still holds is not its affair.
TEST(MuxBounds, AStreamThatIsOverIsNotUnaccepted) {
  mux_options options = mux_options_for(link_role::backend);
  options.hello.streams_opening_max = 1;
  auto backend = mux_end::ready(options);
  backend->answer = mux_end::open_answer::wait;
  backend->feed(frame_script().open(1, "a").finish(1));
  backend->core.reset({1}, reset_reason::cancelled);
  backend->feed(frame_script().open(2, "b"));
  EXPECT_EQ(backend->told().back(), "open 2 b");
  backend->stream(1).release();
  backend->core.refuse({{2}, refuse_reason::busy, {}, {}});
  backend->feed(frame_script().open(3, "c"));
  EXPECT_EQ(backend->told().back(), "open 3 c");
}

// --- rates

TEST(MuxBounds, OpensBeyondTheRateAreRefusedAsBusy) {
  mux_options options = mux_options_for(link_role::backend);
  options.opens_per_second = 10;
  auto backend = mux_end::ready(options);
  frame_script opens;
  for (std::int64_t id = 1; id <= 25; ++id)
    opens.open(id, "k");
  backend->feed(opens.data(22, "on its way").finish(22));
  EXPECT_EQ(backend->streams.size(), 20U);  // two seconds' worth
  EXPECT_EQ(backend->core.counters().opens_limited, 5U);
  EXPECT_EQ(backend->core.streams_open(), 20U);
  EXPECT_EQ(backend->core.link_bytes_buffered(), 0);
  EXPECT_THAT(backend->written(), Contains("refuse 21 2 after 100"));

  backend->pass(std::chrono::milliseconds(100));
  backend->feed(frame_script().open(26, "k").open(27, "k"));
  EXPECT_EQ(backend->streams.size(), 21U);
  EXPECT_FALSE(backend->failed);
}

TEST(MuxBounds, APeerThatCausesStreamErrorsWithoutEndLosesItsLink) {
  auto backend = mux_end::ready(mux_options_for(link_role::backend));
  std::int64_t id = 0;
  const auto offend = [&] {
    ++id;
    backend->feed(frame_script().open(id, "k").data(id, ""));
    if (backend->failed) return;
    backend->stream(id).release();
    backend->written();
  };
  while (id < limits::stream_errors_burst)
    offend();
  ASSERT_FALSE(backend->failed);
  backend->pass(std::chrono::seconds(1));
  for (int again = 0; again < limits::stream_errors_per_second; ++again)
    offend();
  ASSERT_FALSE(backend->failed);
  offend();
  EXPECT_EQ(backend->events.back(), "failed stream_errors_exceeded");
}

// Open is a control frame and would overtake the Finish of the stream whose place it takes.
TEST(MuxBounds, AGatewayAtTheLimitNeverBreaksIt) {
  mux_pair pair(mux_options_for(link_role::gateway), backend_with(3));
  pair.settle();
  pair.backend.during = [&](std::string_view event) {
    if (event.ends_with("finish")) pair.backend.core.finish({std::stoll(std::string(event))});
  };
  std::int64_t finished = 0;
  for (int round = 0; round < 300; ++round) {
    while (pair.gateway.core.can_open()) {
      const std::int64_t id = pair.gateway.open().id.value;
      pair.gateway.send(id, "hi");
      pair.gateway.core.finish({id});
    }
    pair.settle();
    for (auto& [id, stream] : pair.gateway.streams) {
      if (!stream->finished || stream->is_released()) continue;
      ++finished;
      stream->release();
      if (pair.gateway.core.can_open()) break;
    }
    ASSERT_FALSE(pair.backend.failed) << pair.backend.events.back();
  }
  EXPECT_GT(finished, 290);
}

// The peer finished first; our own Finish is queued behind Data when the stream is over for us.
TEST(MuxBounds, AQueuedFinishHoldsItsPlaceUntilItHasLeft) {
  mux_pair pair(mux_options_for(link_role::gateway), backend_with(1));
  pair.settle();
  pair.gateway.open();
  pair.settle();
  pair.backend.core.finish({1});
  pair.settle();
  pair.gateway.core.finish({1});
  pair.gateway.stream(1).release();
  pair.gateway.told();
  if (pair.gateway.core.can_open()) pair.gateway.open();
  pair.settle();
  EXPECT_FALSE(pair.backend.failed);
  EXPECT_TRUE(pair.gateway.core.can_open());
  EXPECT_THAT(pair.gateway.told(), Contains("can_open"));
}

}  // namespace
}  // namespace presenter::protocol
