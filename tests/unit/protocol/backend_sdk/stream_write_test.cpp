// Writing to a stream: credit, turns, the "more" flag, cancellation, deadline.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/write.hpp>

#include "tests/unit/protocol/backend_sdk/sdk_fixture.hpp"

namespace presenter::protocol::test {
namespace {

using StreamWrite = sdk_fixture;

// The gateway's stream window, and so the backend's credit, is the default.
TEST_F(StreamWrite, GathersBuffersIntoOneFrame) {
  start();
  auto& far = gateway->open();
  mux_stream stream = accept();
  run_until_quiet(io);
  const auto frames_before = gateway->core().counters().frames_received;
  const std::array<asio::const_buffer, 4> parts{asio::buffer("he", 2), asio::const_buffer(),
                                                asio::buffer("ll", 2), asio::buffer("o", 1)};
  outcome written;
  stream.async_write_some(parts, into(written));
  EXPECT_EQ(wait(written).bytes, 5U);
  ASSERT_TRUE(run_until(io, [&] { return far.received.size() == 5; }));
  EXPECT_EQ(far.received, "hello");
  EXPECT_FALSE(far.last_more);
  EXPECT_EQ(gateway->core().counters().frames_received, frames_before + 1);
}

TEST_F(StreamWrite, SaysThatMoreFollowsWhenItCouldNotTakeAll) {
  start();
  auto& far = gateway->open();
  mux_stream stream = accept();
  EXPECT_EQ(write_some(stream, pattern(20'000)).bytes, limits::data_bytes_max);
  ASSERT_TRUE(run_until(io, [&] { return far.received.size() == limits::data_bytes_max; }));
  EXPECT_TRUE(far.last_more);
}

TEST_F(StreamWrite, StopsAtTheWindowAndGoesOnWithCredit) {
  start();
  auto& far = gateway->open();
  far.grants_credit = false;
  mux_stream stream = accept();
  auto& quick = gateway->open("quick");
  mux_stream other = accept();

  const std::string all = pattern(3 * window);
  outcome written;
  asio::async_write(stream, asio::buffer(all), into(written));
  ASSERT_TRUE(run_until(io, [&] { return far.received.size() == window; }));
  run_until_quiet(io);
  EXPECT_EQ(far.received.size(), window);
  EXPECT_FALSE(written.done);
  EXPECT_EQ(write_some(other, "not held up").bytes, 11U);
  ASSERT_TRUE(run_until(io, [&] { return quick.received == "not held up"; }));

  far.grants_credit = true;
  far.consume_all();
  EXPECT_EQ(wait(written).bytes, all.size());
  ASSERT_TRUE(run_until(io, [&] { return far.received.size() == all.size(); }));
  EXPECT_TRUE(far.received == all);
}

TEST_F(StreamWrite, EveryStreamOfABusyLinkGetsItsTurn) {
  start();
  constexpr int streams = 50;
  const std::string all = pattern(200'000);
  std::vector<gateway_stream*> far;
  std::vector<mux_stream> near;
  std::vector<outcome> written(streams);
  for (int i = 0; i < streams; ++i) {
    far.push_back(&gateway->open("k" + std::to_string(i)));
    near.push_back(accept());
  }
  for (int i = 0; i < streams; ++i)
    asio::async_write(near[static_cast<std::size_t>(i)], asio::buffer(all),
                      into(written[static_cast<std::size_t>(i)]));
  for (auto& each : written)
    EXPECT_EQ(wait(each).bytes, all.size());
  for (auto* each : far) {
    ASSERT_TRUE(run_until(io, [&] { return each->received.size() == all.size(); }));
    EXPECT_TRUE(each->received == all);
  }
}

TEST_F(StreamWrite, CancelledWriteHasSentNothing) {
  start();
  auto& far = gateway->open();
  far.grants_credit = false;
  mux_stream stream = accept();
  outcome filled, cancelled;
  const std::string all = pattern(window);
  asio::async_write(stream, asio::buffer(all), into(filled));
  wait(filled);
  asio::cancellation_signal signal;
  stream.async_write_some(asio::buffer("never", 5),
                          asio::bind_cancellation_slot(signal.slot(), into(cancelled)));
  run_until_quiet(io);
  EXPECT_FALSE(cancelled.done);
  signal.emit(asio::cancellation_type::total);
  EXPECT_EQ(wait(cancelled).error, asio::error::operation_aborted);
  EXPECT_EQ(cancelled.bytes, 0U);

  ASSERT_TRUE(run_until(io, [&] { return far.received.size() == window; }));
  far.grants_credit = true;
  far.consume_all();
  outcome written;
  stream.async_write_some(asio::buffer("after", 5), into(written));
  EXPECT_EQ(wait(written).bytes, 5U);
  ASSERT_TRUE(run_until(io, [&] { return far.received == all + "after"; }));
}

TEST_F(StreamWrite, DeadlineEndsAWriteWithoutCredit) {
  start();
  auto& far = gateway->open();
  far.grants_credit = false;
  mux_stream stream = accept();
  stream.expires_after(std::chrono::milliseconds(20));
  outcome written;
  const std::string all = pattern(2 * window);
  asio::async_write(stream, asio::buffer(all), into(written));
  EXPECT_EQ(wait(written).error, asio::error::timed_out);
}

TEST_F(StreamWrite, HalfCloseSendsEverythingFirstAndReadingGoesOn) {
  start();
  auto& far = gateway->open();
  mux_stream stream = accept();
  EXPECT_EQ(write_some(stream, "done").bytes, 4U);
  stream.shutdown_send();
  stream.shutdown_send();
  EXPECT_EQ(write_some(stream, "more").error, asio::error::broken_pipe);
  ASSERT_TRUE(run_until(io, [&] { return far.finished; }));
  EXPECT_EQ(far.received, "done");
  far.send("reply");
  std::string text;
  read_some(stream, text, 10);
  EXPECT_EQ(text, "reply");
}

TEST_F(StreamWrite, ReceiveSideCanBeShutToo) {
  acceptor_options options;
  options.stream_window_bytes = 2'000;
  start(options);
  auto& far = gateway->open();
  mux_stream stream = accept();
  far.send("dropped");
  ASSERT_TRUE(run_until(io, [&] { return stream.available() == 7; }));
  stream.shutdown(asio::socket_base::shutdown_receive);
  std::string text;
  EXPECT_EQ(read_some(stream, text, 10).error, asio::error::eof);
  far.send(pattern(100'000));  // its credit comes back, so the peer is not held up
  ASSERT_TRUE(run_until(io, [&] { return far.unsent() == 0; }));
  EXPECT_EQ(write_some(stream, "still writing").bytes, 13U);
}

}  // namespace
}  // namespace presenter::protocol::test
