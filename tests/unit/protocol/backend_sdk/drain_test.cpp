// The orderly end of a backend.
#include "tests/unit/protocol/backend_sdk/sdk_fixture.hpp"

namespace presenter::protocol::test {
namespace {

class Drain : public sdk_fixture {
 protected:
  void wait_drained() {
    acceptor->async_drain([this](error_code error) { drained = error; });
  }
  std::optional<error_code> drained;
};

TEST_F(Drain, WaitsForStreamsThenClosesLinksAndLosesNothing) {
  start();
  auto& far = gateway->open();
  mux_stream stream = accept();
  acceptor->drain(std::chrono::hours(1));
  wait_drained();
  ASSERT_TRUE(run_until(io, [&] { return gateway->going_away; }));
  EXPECT_FALSE(gateway->core().can_open());
  run_until_quiet(io);
  EXPECT_FALSE(drained.has_value());

  const std::string all = pattern(50'000);
  std::string_view rest = all;
  while (!rest.empty())
    rest.remove_prefix(write_some(stream, rest).bytes);
  stream = mux_stream();
  far.finish();
  ASSERT_TRUE(run_until(io, [&] { return drained.has_value(); }));
  EXPECT_FALSE(*drained);
  EXPECT_TRUE(run_until(io, [&] { return gateway->closed; }));
  EXPECT_FALSE(gateway->reason);
  EXPECT_TRUE(far.received == all);
  EXPECT_TRUE(far.finished);
  EXPECT_FALSE(far.link_lost);
  EXPECT_EQ(acceptor->counters().links_failed, 0U);
}

TEST_F(Drain, RefusesStreamsNobodyHasAcceptedAndThoseStillToCome) {
  start();
  auto& served = gateway->open("served");
  const mux_stream stream = accept();
  auto& waiting = gateway->open("waiting");
  ASSERT_TRUE(run_until(io, [&] { return acceptor->counters().streams_waiting == 1; }));
  auto& crossing = gateway->open("crossing");  // is on its way when the drain begins
  crossing.send("first packet");
  acceptor->drain(std::chrono::hours(1));
  ASSERT_TRUE(run_until(io, [&] { return waiting.refusal && crossing.refusal; }));
  EXPECT_EQ(waiting.refusal->reason, refuse_reason::shutting_down);
  EXPECT_EQ(crossing.refusal->reason, refuse_reason::shutting_down);
  EXPECT_FALSE(served.is_over());
}

TEST_F(Drain, DeadlineEndsWhatIsLeft) {
  start();
  auto& far = gateway->open();
  mux_stream stream = accept();
  outcome read;
  char byte;
  stream.async_read_some(asio::buffer(&byte, 1), into(read));
  wait_drained();
  acceptor->drain(std::chrono::milliseconds(20));
  EXPECT_EQ(wait(read).error, asio::error::connection_aborted);
  ASSERT_TRUE(run_until(io, [&] { return drained.has_value(); }));
  EXPECT_EQ(*drained, asio::error::timed_out);
  EXPECT_TRUE(run_until(io, [&] { return far.link_lost; }));
}

TEST_F(Drain, IsDoneAtOnceWithoutLinks) {
  start();
  gateway->close({});
  ASSERT_TRUE(run_until(io, [&] { return acceptor->counters().links_open == 0; }));
  acceptor->drain(std::chrono::hours(1));
  wait_drained();
  EXPECT_FALSE(drained.has_value());
  ASSERT_TRUE(run_until(io, [&] { return drained.has_value(); }));
  EXPECT_FALSE(*drained);
}

TEST_F(Drain, EndsTheWaitingAcceptAndLaterOnes) {
  start();
  std::optional<error_code> waiting, later;
  acceptor->async_accept([&](error_code error, mux_stream) { waiting = error; });
  acceptor->drain(std::chrono::hours(1));
  acceptor->async_accept([&](error_code error, mux_stream) { later = error; });
  ASSERT_TRUE(run_until(io, [&] { return waiting && later; }));
  EXPECT_EQ(*waiting, asio::error::operation_aborted);
  EXPECT_EQ(*later, asio::error::operation_aborted);
}

TEST_F(Drain, CloseEndsIt) {
  start();
  gateway->open();
  const mux_stream stream = accept();
  acceptor->drain(std::chrono::hours(1));
  wait_drained();
  acceptor->close();
  ASSERT_TRUE(run_until(io, [&] { return drained.has_value(); }));
  EXPECT_EQ(*drained, asio::error::operation_aborted);
}

}  // namespace
}  // namespace presenter::protocol::test
