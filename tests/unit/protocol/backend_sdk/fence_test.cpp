// A fence in front of an acceptor: streams that are held, refused late, or ended as moved.
#include <map>

#include "tests/unit/protocol/backend_sdk/sdk_fixture.hpp"

namespace presenter::protocol {
namespace {

using namespace presenter::protocol::test;
using namespace std::chrono_literals;

constexpr fence_answer serve = serve_stream{};
constexpr fence_answer hold = hold_stream{};
const fence_answer not_owner = refusal{refuse_reason::not_owner, 43, std::nullopt};

// Answers by key what the test says.
class scripted_fence final : public stream_fence {
 public:
  fence_answer ask(const open_frame& open, std::chrono::steady_clock::time_point) override {
    ++asked;
    const auto found = answers.find(open.key);
    return found == answers.end() ? serve : found->second;
  }
  bool still_serves(const open_frame& open) const override { return !lost.contains(open.key); }

  std::map<std::string, fence_answer> answers;
  std::map<std::string, int> lost;
  int asked = 0;
};

class Fence : public sdk_fixture {
 protected:
  void start_fenced(acceptor_options options = {}) {
    options.fence = fence;
    start(options);
  }
  // A stream that the fence holds, the only one.
  gateway_stream& held_stream() {
    fence->answers = {{"early", hold}};
    start_fenced();
    gateway_stream& early = gateway->open("early");
    EXPECT_TRUE(until([&] { return counters().streams_held == 1; }));
    return early;
  }
  void expect_refused(const gateway_stream& stream, refuse_reason reason) {
    ASSERT_TRUE(until([&] { return stream.refusal.has_value(); }));
    EXPECT_EQ(stream.refusal->reason, reason);
  }
  bool until(const std::function<bool()>& done) { return bool(run_until(io, done)); }
  acceptor_counters counters() const { return acceptor->counters(); }

  std::shared_ptr<scripted_fence> fence = std::make_shared<scripted_fence>();
};

TEST_F(Fence, RefusesWithItsEpoch) {
  fence->answers = {{"theirs", not_owner}};
  start_fenced();
  auto& theirs = gateway->open("theirs");
  ASSERT_TRUE(until([&] { return theirs.refusal.has_value(); }));
  EXPECT_EQ(theirs.refusal->reason, refuse_reason::not_owner);
  EXPECT_EQ(theirs.refusal->map_epoch, 43);
  EXPECT_EQ(counters().streams_not_owned, 1U);
  gateway->open("ours");
  EXPECT_EQ(accept().info().key, "ours");
}

TEST_F(Fence, AHeldStreamIsAcceptedWithAllThatCameBehindItsOpen) {
  fence->answers = {{"early", hold}};
  start_fenced();
  auto& early = gateway->open("early");
  early.send("first packet");
  ASSERT_TRUE(until([&] { return counters().streams_held == 1; }));
  run_until_quiet(io);
  EXPECT_FALSE(early.accepted || early.is_over());

  fence->answers.clear();
  acceptor->on_fence_changed();
  mux_stream stream = accept();
  ASSERT_TRUE(until([&] { return early.accepted; }));
  std::string text;
  read_some(stream, text, 100);
  EXPECT_EQ(text, "first packet");
  EXPECT_EQ(counters().streams_held, 0U);
}

TEST_F(Fence, AHeldStreamIsRefusedWhenTheMapGivesItAway) {
  auto& early = held_stream();
  fence->answers = {{"early", not_owner}};
  acceptor->on_fence_changed();
  expect_refused(early, refuse_reason::not_owner);
}

TEST_F(Fence, HoldingEndsAsBusy) {
  acceptor_options options;
  options.hold_timeout = 20ms;
  fence->answers = {{"early", hold}};
  start_fenced(options);
  auto& early = gateway->open("early");
  ASSERT_TRUE(until([&] { return early.refusal.has_value(); }));
  EXPECT_EQ(early.refusal->reason, refuse_reason::busy);
  EXPECT_EQ(early.refusal->retry_after_ms, 1'000);
  EXPECT_EQ(counters().streams_held, 0U);
}

TEST_F(Fence, IsAskedAgainWhenItSaidSo) {
  fence->answers = {{"soon", hold_stream{std::chrono::steady_clock::now() + 30ms}}};
  start_fenced();
  auto& soon = gateway->open("soon");
  ASSERT_TRUE(until([&] { return counters().streams_held == 1; }));
  fence->answers.clear();
  EXPECT_EQ(accept().info().key, "soon");
  EXPECT_TRUE(until([&] { return soon.accepted; }));
}

TEST_F(Fence, HoldsNoMoreThanItMay) {
  acceptor_options options;
  options.held_max = 2;
  fence->answers = {{"early", hold}};
  start_fenced(options);
  auto& first = gateway->open("early");
  auto& second = gateway->open("early");
  auto& third = gateway->open("early");
  expect_refused(third, refuse_reason::busy);
  EXPECT_FALSE(first.is_over() || second.is_over());
}

TEST_F(Fence, HoldsNoMoreBytesThanItMay) {
  acceptor_options options;
  options.held_bytes_max = 10'000;
  fence->answers = {{"early", hold}};
  start_fenced(options);
  auto& small = gateway->open("early");
  small.send(pattern(6'000));
  auto& large = gateway->open("early");
  large.send(pattern(6'000));
  expect_refused(large, refuse_reason::busy);
  EXPECT_FALSE(small.is_over());
  fence->answers.clear();
  acceptor->on_fence_changed();
  EXPECT_EQ(accept().available(), 6'000U);
}

TEST_F(Fence, HeldStreamsThatEndAreForgotten) {
  fence->answers = {{"early", hold}};
  start_fenced();
  gateway->open("early").send("x");
  auto& gone = gateway->open("early");
  ASSERT_TRUE(until([&] { return counters().streams_held == 2; }));
  gone.reset(reset_reason::client_gone);
  ASSERT_TRUE(until([&] { return counters().streams_held == 1; }));
  gateway->close({});
  ASSERT_TRUE(until([&] { return counters().streams_held == 0; }));
  EXPECT_EQ(counters().streams_abandoned, 2U);
}

TEST_F(Fence, WhatCountsIsTheMapAtTheMomentOfAccept) {
  start_fenced();
  auto& lost = gateway->open("lost");
  auto& unsure = gateway->open("unsure");
  ASSERT_TRUE(until([&] { return counters().streams_waiting == 2; }));
  fence->answers = {{"lost", not_owner}, {"unsure", hold}};
  acceptor->on_fence_changed();
  gateway->open("ours");
  EXPECT_EQ(accept().info().key, "ours");
  expect_refused(lost, refuse_reason::not_owner);
  EXPECT_FALSE(unsure.accepted || unsure.is_over());
  EXPECT_EQ(counters().streams_held, 1U);
}

TEST_F(Fence, DrainRefusesHeldStreams) {
  auto& early = held_stream();
  acceptor->drain(10s);
  expect_refused(early, refuse_reason::shutting_down);
}

TEST_F(Fence, StreamsThatAreNotServedAnyMoreAreMoved) {
  acceptor_options options;
  options.move_after = 0ms;
  options.moves_per_second = 0;
  start_fenced(options);
  auto& far_ours = gateway->open("ours");
  mux_stream ours = accept();
  auto& far_theirs = gateway->open("theirs");
  mux_stream theirs = accept();
  far_theirs.send("unread");
  ASSERT_TRUE(until([&] { return theirs.available() == 6; }));

  fence->lost = {{"theirs", 1}};
  acceptor->on_fence_changed();
  ASSERT_TRUE(until([&] { return far_theirs.was_reset.has_value(); }));
  EXPECT_EQ(far_theirs.was_reset, reset_reason::moved);
  EXPECT_EQ(theirs.available(), 0U);
  std::string text;
  EXPECT_EQ(read_some(theirs, text, 10).error, stream_errc::moved);
  EXPECT_EQ(theirs.reset_reason(), reset_reason::moved);
  EXPECT_EQ(counters().streams_moved, 1U);

  far_ours.send("goes on");
  read_some(ours, text, 10);
  EXPECT_EQ(text, "goes on");
  // The credit of what was not read has come back: nothing keeps the link's window.
  EXPECT_EQ(counters().streams_open, 1U);
}

TEST_F(Fence, MovesKeepTheirPace) {
  acceptor_options options;
  options.move_after = 0ms;
  options.moves_per_second = 1;
  start_fenced(options);
  auto& first = gateway->open("theirs");
  const mux_stream first_stream = accept();
  auto& second = gateway->open("theirs");
  const mux_stream second_stream = accept();
  fence->lost = {{"theirs", 1}};
  acceptor->on_fence_changed();
  ASSERT_TRUE(until([&] { return first.was_reset.has_value(); }));
  EXPECT_EQ(counters().streams_moved, 1U);
  EXPECT_FALSE(second.was_reset);
  EXPECT_TRUE(until([&] { return second.was_reset.has_value(); }));
}

TEST_F(Fence, AKeyThatComesBackInTimeIsNotMoved) {
  acceptor_options options;
  options.move_after = 20ms;
  options.moves_per_second = 0;
  start_fenced(options);
  auto& stays = gateway->open("stays");
  mux_stream stream = accept();
  auto& leaves = gateway->open("leaves");
  const mux_stream other = accept();
  fence->lost = {{"stays", 1}, {"leaves", 1}};
  acceptor->on_fence_changed();
  fence->lost = {{"leaves", 1}};
  acceptor->on_fence_changed();
  ASSERT_TRUE(until([&] { return leaves.was_reset.has_value(); }));
  EXPECT_FALSE(stays.is_over());
  EXPECT_EQ(counters().streams_moved, 1U);
}

}  // namespace
}  // namespace presenter::protocol
