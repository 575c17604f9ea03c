// Who may send next: 16 KiB turns in order, a bounded queue, nobody overtakes who waits.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/mux_pair.hpp"

namespace presenter::protocol {
namespace {

using ::testing::ElementsAre;
using testing::event_list;
using testing::frame_script;
using ::testing::IsEmpty;
using testing::mux_end;
using testing::mux_options_for;

hello_frame wide_hello() {
  hello_frame hello;
  hello.stream_window_bytes = limits::stream_window_bytes_max;
  hello.link_window_bytes = limits::link_window_bytes_max;
  return hello;
}

std::int64_t id_of(std::string_view event) {
  return std::stoll(std::string(event));
}

// A gateway with `streams` streams, whose windows never matter.
struct MuxTurns : ::testing::Test {
  void open(int streams) {
    for (int i = 0; i < streams; ++i)
      gateway->open();
    take();
  }

  // One call of take_output; returns the Data bytes of each stream in it.
  std::map<std::int64_t, std::size_t> take() {
    mux_output out;
    gateway->core.take_output(out);
    std::map<std::int64_t, std::size_t> taken;
    std::vector<std::byte> bytes(out.data.bytes().begin(), out.data.bytes().end());
    testing::for_each_frame(bytes, [&](const auto& frame) {
      if constexpr (std::is_same_v<std::decay_t<decltype(frame)>, data_frame>) {
        taken[frame.stream.value] += frame.payload.size();
      }
    });
    return taken;
  }

  // Fills the queue by stream `id`; returns the bytes it took.
  std::size_t fill(std::int64_t id) {
    std::size_t total = 0;
    while (const std::size_t n = gateway->send_filler(id, 1 << 20))
      total += n;
    return total;
  }

  std::unique_ptr<mux_end> gateway =
      mux_end::ready(mux_options_for(link_role::gateway), wide_hello());
};

TEST_F(MuxTurns, OneSubmitTakesAtMostOneTurn) {
  open(1);
  EXPECT_EQ(gateway->core.sendable({1}), limits::stream_turn_bytes);
  EXPECT_EQ(gateway->send_filler(1, 1 << 20), limits::stream_turn_bytes);
}

TEST_F(MuxTurns, TheQueueIsBounded) {
  open(1);
  const std::size_t queued = fill(1);
  EXPECT_GE(queued, limits::data_queue_bytes_max - limits::stream_turn_bytes);
  EXPECT_LE(queued, limits::data_queue_bytes_max + limits::stream_turn_bytes);
  gateway->core.wait_writable({1});
  EXPECT_THAT(gateway->told(), IsEmpty());
  EXPECT_EQ(take()[1], queued);
  EXPECT_THAT(gateway->told(), ElementsAre("1 writable"));
}

TEST_F(MuxTurns, SmallSubmitsAreBoundedByTheBytesTheyCost) {
  open(1);
  std::size_t submits = 0;
  while (gateway->send(1, "x") == 1)
    ++submits;
  mux_output out;
  gateway->core.take_output(out);
  EXPECT_GE(out.data.size(), limits::data_queue_bytes_max);
  EXPECT_LE(out.data.size(), limits::data_queue_bytes_max + data_overhead_max + 1);
  EXPECT_GT(submits, 10'000U);
}

TEST_F(MuxTurns, NobodyOvertakesWhoWaits) {
  open(2);
  fill(1);
  gateway->core.wait_writable({2});
  bool overtaken = false;
  gateway->during = [&](std::string_view event) {
    if (event == "2 writable") overtaken = gateway->core.sendable({1}) != 0;
  };
  EXPECT_EQ(gateway->core.sendable({1}), 0U);
  take();
  EXPECT_THAT(gateway->told(), ElementsAre("2 writable"));
  EXPECT_GT(gateway->core.sendable({1}), 0U) << "its turn is over and nobody waits";
}

TEST_F(MuxTurns, AWaiterThatHasNoCreditHoldsUpNobody) {
  gateway = mux_end::ready(mux_options_for(link_role::gateway));
  open(2);
  fill(1);
  take();
  gateway->core.wait_writable({1});  // its 64 KiB are spent
  EXPECT_EQ(gateway->core.sendable({2}), limits::stream_turn_bytes);
}

// However greedy a handler is, the others have their turn after 16 KiB.
TEST_F(MuxTurns, GreedyStreamsShareTheLinkFairly) {
  constexpr int streams = 7;
  open(streams);
  fill(1);
  for (int id = 1; id <= streams; ++id)
    gateway->core.wait_writable({id});
  gateway->during = [&](std::string_view event) {
    if (!event.ends_with("writable")) return;
    const std::int64_t id = id_of(event);
    fill(id);
    gateway->core.wait_writable({id});
  };
  take();
  std::map<std::int64_t, std::size_t> total;
  for (int round = 0; round < 20; ++round) {
    for (const auto& [id, bytes] : take())
      total[id] += bytes;
  }
  ASSERT_EQ(total.size(), std::size_t{streams});
  const auto [least, most] = std::minmax_element(
      total.begin(), total.end(), [](auto& a, auto& b) { return a.second < b.second; });
  EXPECT_LE(most->second - least->second, 2 * limits::stream_turn_bytes);
}

TEST_F(MuxTurns, TheOnlyStreamIsNotHeldToOneTurn) {
  open(1);
  fill(1);
  gateway->core.wait_writable({1});
  std::size_t sent = 0;
  gateway->during = [&](std::string_view event) {
    if (event == "1 writable") sent = fill(1);
  };
  take();
  EXPECT_GT(sent, limits::stream_turn_bytes);
}

// Asks for the next turn first and spends its credit after: that turn must wait for credit.
TEST_F(MuxTurns, NoTurnIsGivenWithoutRoom) {
  hello_frame narrow = wide_hello();
  narrow.stream_window_bytes = 10'000;
  gateway = mux_end::ready(mux_options_for(link_role::gateway), narrow);
  open(1);
  gateway->core.wait_writable({1});
  gateway->during = [&](std::string_view event) {
    if (event != "1 writable") return;
    gateway->core.wait_writable({1});
    fill(1);
  };
  take();
  take();
  EXPECT_THAT(gateway->told(), ElementsAre("1 writable"));
  gateway->feed(frame_script().accept(1).credit(1, 300));
  EXPECT_THAT(gateway->told(), ElementsAre("1 accepted", "1 writable"));
}

TEST_F(MuxTurns, AHandlerThatAsksAndSendsNothingDoesNotHoldTheLoop) {
  open(1);
  std::size_t turns = 0;
  gateway->core.wait_writable({1});
  gateway->during = [&](std::string_view event) {
    if (event != "1 writable") return;
    ++turns;
    gateway->core.wait_writable({1});
  };
  take();
  EXPECT_GT(turns, 0U);
  EXPECT_LE(turns, 2'048U);
}

TEST_F(MuxTurns, WaitingTwiceIsOneTurn) {
  open(1);
  gateway->core.wait_writable({1});
  gateway->core.wait_writable({1});
  take();
  take();
  EXPECT_THAT(gateway->told(), ElementsAre("1 writable"));
}

TEST_F(MuxTurns, AStreamThatFinishesOrEndsGivesUpItsTurn) {
  open(3);
  for (int id = 1; id <= 3; ++id)
    gateway->core.wait_writable({id});
  gateway->core.finish({1});
  gateway->core.reset({2}, reset_reason::cancelled);
  gateway->stream(3).release();
  take();
  EXPECT_THAT(gateway->told(), IsEmpty());
}

TEST_F(MuxTurns, PayloadsRespectThePeersFrameSize) {
  hello_frame small = wide_hello();
  small.frame_bytes_max = static_cast<std::int32_t>(limits::frame_bytes_min);
  gateway = mux_end::ready(mux_options_for(link_role::gateway), small);
  open(1);
  gateway->send_filler(1, 1 << 20);
  mux_output out;
  gateway->core.take_output(out);
  std::size_t payload = 0;
  testing::for_each_frame(out.data.bytes(), [&](const auto& frame) {
    if constexpr (std::is_same_v<std::decay_t<decltype(frame)>, data_frame>) {
      EXPECT_LE(frame.payload.size() + data_overhead_max - 4, limits::frame_bytes_min);
      payload += frame.payload.size();
      EXPECT_EQ(frame.more, payload != limits::stream_turn_bytes);
    }
  });
  EXPECT_EQ(payload, limits::stream_turn_bytes);
}

}  // namespace
}  // namespace presenter::protocol
