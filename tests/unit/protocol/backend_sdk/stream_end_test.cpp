// How streams end: reset, lost link, close, and letting go of the handle.
#include <boost/asio/write.hpp>
#include <vector>

#include "tests/unit/protocol/backend_sdk/sdk_fixture.hpp"

namespace presenter::protocol::test {
namespace {

// A stream with a read and a write that both wait.
class StreamEnd : public sdk_fixture {
 protected:
  void begin() {
    start();
    far = &gateway->open();
    far->grants_credit = false;
    stream = accept();
    const std::string fill = pattern(window);
    outcome filled;
    asio::async_write(stream, asio::buffer(fill), into(filled));
    wait(filled);
    stream.async_read_some(asio::buffer(bytes), into(read));
    stream.async_write_some(asio::buffer("x", 1), into(written));
    run_until_quiet(io);
    ASSERT_FALSE(read.done);
    ASSERT_FALSE(written.done);
  }
  void expect_both(error_code error) {
    EXPECT_EQ(wait(read).error, error);
    EXPECT_EQ(wait(written).error, error);
  }

  gateway_stream* far = nullptr;
  mux_stream stream;
  char bytes[10];
  outcome read, written;
};

TEST_F(StreamEnd, PeersResetEndsReadAndWrite) {
  begin();
  far->reset(reset_reason::client_gone);
  expect_both(asio::error::connection_reset);
  EXPECT_EQ(stream.reset_reason(), reset_reason::client_gone);
  std::string text;
  EXPECT_EQ(read_some(stream, text, 1).error, asio::error::connection_reset);
  EXPECT_EQ(write_some(stream, "x").error, asio::error::connection_reset);
  ASSERT_TRUE(run_until(io, [&] { return gateway->core().streams_open() == 0; }));
  EXPECT_EQ(acceptor->counters().streams_open, 0U);
}

TEST_F(StreamEnd, LostLinkEndsReadAndWrite) {
  begin();
  gateway->close({});
  expect_both(asio::error::connection_aborted);
  std::string text;
  EXPECT_EQ(read_some(stream, text, 1).error, asio::error::connection_aborted);
  EXPECT_FALSE(stream.reset_reason().has_value());
  ASSERT_TRUE(run_until(io, [&] { return acceptor->counters().links_open == 0; }));
  EXPECT_EQ(acceptor->counters().links_failed, 1U);
}

TEST_F(StreamEnd, CloseOfTheAcceptorIsALostLink) {
  begin();
  acceptor.reset();
  expect_both(asio::error::connection_aborted);
  ASSERT_TRUE(run_until(io, [&] { return far->link_lost; }));
}

TEST_F(StreamEnd, OwnCloseAbortsReadAndWrite) {
  begin();
  stream.close();
  stream.close();
  expect_both(asio::error::operation_aborted);
  EXPECT_FALSE(stream.is_open());
  std::string text;
  EXPECT_EQ(read_some(stream, text, 1).error, asio::error::operation_aborted);
  EXPECT_EQ(write_some(stream, "x").error, asio::error::operation_aborted);
}

TEST_F(StreamEnd, CancelAbortsBothAndLeavesTheStream) {
  begin();
  stream.cancel();
  expect_both(asio::error::operation_aborted);
  far->send("fine");
  std::string text;
  read_some(stream, text, 10);
  EXPECT_EQ(text, "fine");
}

TEST_F(StreamEnd, InputBeforeAResetCanBeRead) {
  start();
  far = &gateway->open();
  stream = accept();
  far->send("before");
  far->reset(reset_reason::client_gone);
  ASSERT_TRUE(run_until(io, [&] { return stream.reset_reason().has_value(); }));
  std::string text;
  read_some(stream, text, 10);
  EXPECT_EQ(text, "before");
  EXPECT_EQ(read_some(stream, text, 10).error, asio::error::connection_reset);
  EXPECT_TRUE(run_until(io, [&] { return acceptor->counters().streams_open == 0; }));
}

TEST_F(StreamEnd, InputBeforeALostLinkCanBeRead) {
  start();
  far = &gateway->open();
  stream = accept();
  far->send("before");
  ASSERT_TRUE(run_until(io, [&] { return stream.available() == 6; }));
  gateway->close({});
  ASSERT_TRUE(run_until(io, [&] { return acceptor->counters().links_open == 0; }));
  std::string text;
  read_some(stream, text, 10);
  EXPECT_EQ(text, "before");
  EXPECT_EQ(read_some(stream, text, 10).error, asio::error::connection_aborted);
}

// What every TCP server relies on: write, return, and the bytes arrive.
TEST_F(StreamEnd, LettingGoDeliversWhatWasWrittenAndFinishes) {
  start();
  far = &gateway->open();
  stream = accept();
  write_some(stream, "goodbye");
  stream = mux_stream();
  ASSERT_TRUE(run_until(io, [&] { return far->finished; }));
  EXPECT_EQ(far->received, "goodbye");
  EXPECT_FALSE(far->was_reset);
  EXPECT_EQ(acceptor->counters().streams_open, 1U);  // until the peer finishes too
  far->send("nobody reads this");
  far->finish();
  EXPECT_TRUE(run_until(io, [&] { return acceptor->counters().streams_open == 0; }));
  EXPECT_FALSE(far->was_reset);
}

TEST_F(StreamEnd, LettingGoMidTransferResetsAndFreesTheLink) {
  start();
  far = &gateway->open();
  stream = accept();
  far->send(pattern(10 * window));
  ASSERT_TRUE(run_until(io, [&] { return stream.available() == window; }));
  stream = mux_stream();
  ASSERT_TRUE(run_until(io, [&] { return far->was_reset.has_value(); }));
  EXPECT_EQ(far->was_reset, reset_reason::cancelled);
  EXPECT_TRUE(run_until(io, [&] { return acceptor->counters().streams_open == 0; }));
  auto& next = gateway->open("next");
  mux_stream other = accept();
  next.send("works");
  std::string text;
  read_some(other, text, 10);
  EXPECT_EQ(text, "works");
}

TEST_F(StreamEnd, LingeringEndsByItself) {
  acceptor_options options;
  options.linger = std::chrono::milliseconds(10);
  start(options);
  far = &gateway->open();
  stream = accept();
  stream.close();
  ASSERT_TRUE(run_until(io, [&] { return far->was_reset.has_value(); }));
  EXPECT_TRUE(far->finished);
  EXPECT_TRUE(run_until(io, [&] { return acceptor->counters().streams_open == 0; }));
}

TEST_F(StreamEnd, CloseWithAReasonResetsBehindWhatWasWritten) {
  start();
  far = &gateway->open();
  stream = accept();
  write_some(stream, "moving");
  stream.close(reset_reason::moved);
  stream.close(reset_reason::internal);
  ASSERT_TRUE(run_until(io, [&] { return far->was_reset.has_value(); }));
  EXPECT_EQ(far->was_reset, reset_reason::moved);
  EXPECT_EQ(far->received, "moving");
}

TEST_F(StreamEnd, StreamsOfOneLinkEndAlone) {
  start();
  auto& first = gateway->open("first");
  mux_stream one = accept();
  auto& second = gateway->open("second");
  mux_stream two = accept();
  first.reset(reset_reason::stalled);
  ASSERT_TRUE(run_until(io, [&] { return one.reset_reason().has_value(); }));
  second.send("unharmed");
  std::string text;
  read_some(two, text, 10);
  EXPECT_EQ(text, "unharmed");
}

// Resets give the link's credit back, read or not: a link that leaks it stands still in the end.
TEST_F(StreamEnd, ResetStreamsDoNotLeakTheLinksCredit) {
  acceptor_options options;
  options.stream_window_bytes = 40'000;
  options.link_window_bytes = 100'000;
  start(options);
  for (int i = 0; i < 20; ++i) {
    auto& each = gateway->open();
    mux_stream dropped = accept();
    each.send(pattern(30'000));
    ASSERT_TRUE(run_until(io, [&] { return dropped.available() == 30'000; }));
    if (i % 2 == 0) each.reset(reset_reason::client_gone);
    run_until_quiet(io);
  }
  EXPECT_TRUE(run_until(io, [&] { return acceptor->counters().streams_open == 0; }));
}

// The gateway resets them as stalled, to free the link for those that are read.
TEST_F(StreamEnd, ResetStreamsThatNobodyReadsKeepHalfOfTheLinkAtTheMost) {
  acceptor_options options;
  options.stream_window_bytes = 16'384;
  options.link_window_bytes = 65'536;
  start(options);
  std::vector<mux_stream> unread;
  std::vector<gateway_stream*> stalled;
  for (int i = 0; i < 4; ++i) {
    stalled.push_back(&gateway->open());
    stalled.back()->send(pattern(16'384));
    stalled.back()->finish();
    unread.push_back(accept());
  }
  ASSERT_TRUE(run_until(io, [&] { return gateway->core().link_credit() == 0; }));
  for (gateway_stream* each : stalled)
    each->reset(reset_reason::stalled);
  EXPECT_TRUE(run_until(io, [&] { return gateway->core().link_credit() == 32'768; }));

  std::string text;
  EXPECT_EQ(read_some(unread.front(), text, 10).error, asio::error::connection_reset)
      << "input that was dropped does not end like whole input";
  EXPECT_EQ(read_some(unread.back(), text, 10).bytes, 10U);
}

}  // namespace
}  // namespace presenter::protocol::test
