// How a stream leaves for another backend, every way that can end, and how it comes from one.
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>

#include "tests/unit/protocol/backend_sdk/sdk_fixture.hpp"

namespace presenter::protocol::test {
namespace {

class Handoff : public sdk_fixture {
 protected:
  struct asked {
    bool done = false;
    error_code error;
    handoff_info info;
  };

  void begin() {
    acceptor_options options;
    options.hands_over = true;
    start(options);
    far = &gateway->open();
    stream = accept();
    ASSERT_TRUE(run_until(io, [&] { return far->accepted; }));
  }

  auto into_asked() {
    return [this](error_code error, handoff_info info) { wish = {true, error, info}; };
  }

  // The gateway asks, and the application hears it.
  void ask() {
    stream.async_wait_handoff(into_asked());
    gateway->hand_off(*far);
    ASSERT_TRUE(run_until(io, [&] { return wish.done; }));
    ASSERT_FALSE(wish.error) << wish.error.message();
  }

  void send(const std::string& text) {
    const std::size_t before = stream.available();
    far->send(text);
    ASSERT_TRUE(run_until(io, [&] { return stream.available() == before + text.size(); }));
  }

  std::string read_all(mux_stream& from, std::size_t size) {
    std::string all;
    std::string piece;
    while (all.size() < size && !read_some(from, piece, size - all.size()).error)
      all += piece;
    return all;
  }

  void give_up(const std::string& state) {
    stream.hand_over(state);
    ASSERT_TRUE(run_until(io, [&] { return far->is_given_up(); }));
  }

  gateway_stream* far = nullptr;
  mux_stream stream;
  asked wish;
};

TEST_F(Handoff, GoesOnAtAnotherStreamWithStateAndUnreadBytes) {
  begin();
  send("helloworld");
  EXPECT_EQ(read_all(stream, 5), "hello");
  EXPECT_FALSE(write_some(stream, "abc").error);
  ask();
  EXPECT_EQ(wish.info.reason, handoff_reason::draining);
  EXPECT_EQ(wish.info.map_epoch, 8);
  EXPECT_EQ(wish.info.within, std::chrono::seconds(5));
  EXPECT_FALSE(write_some(stream, "de").error);
  give_up("state");
  EXPECT_FALSE(stream.is_open());
  EXPECT_EQ(far->received, "abcde");
  EXPECT_EQ(far->state, "state");
  EXPECT_EQ(far->unread, "world");
  EXPECT_EQ(far->checkpoint->consumed, 5);
  EXPECT_EQ(far->checkpoint->produced, 5);
  ASSERT_TRUE(run_until(io, [&] { return acceptor->counters().streams_open == 0; }));
  EXPECT_EQ(acceptor->counters().streams_handed_over, 1U);

  gateway_stream& next = gateway->open_continued(*far);
  mux_stream continued = accept();
  const auto before = continued.info().continued;
  ASSERT_TRUE(before);
  EXPECT_EQ(before->cause, continue_cause::rebalanced);
  EXPECT_EQ(before->node, "before");
  EXPECT_EQ(before->state, "state");
  EXPECT_EQ(before->consumed, 5);
  EXPECT_EQ(before->produced, 5);
  EXPECT_EQ(continued.info().key, "couple-1");
  EXPECT_EQ(acceptor->counters().streams_continued, 1U);
  EXPECT_EQ(read_all(continued, 5), "world");
  EXPECT_FALSE(write_some(continued, "fg").error);
  ASSERT_TRUE(run_until(io, [&] { return next.received == "fg"; }));

  // And once more: positions go on counting.
  wish = {};
  continued.async_wait_handoff(into_asked());
  gateway->hand_off(next);
  ASSERT_TRUE(run_until(io, [&] { return wish.done; }));
  continued.hand_over("");
  ASSERT_TRUE(run_until(io, [&] { return next.is_given_up(); }));
  EXPECT_EQ(next.checkpoint->consumed, 10);
  EXPECT_EQ(next.checkpoint->produced, 7);
}

TEST_F(Handoff, GivesBackMoreUnreadBytesThanAFrameHolds) {
  begin();
  const std::string sent = pattern(window);
  send(sent);
  EXPECT_EQ(read_all(stream, 100), sent.substr(0, 100));
  ask();
  const std::string state(limits::state_bytes_max, 's');
  give_up(state);
  EXPECT_TRUE(far->unread == sent.substr(100));
  EXPECT_TRUE(far->state == state);
  EXPECT_GT(far->checkpoints, window / limits::data_bytes_max);
  EXPECT_FALSE(far->was_reset);

  gateway->open_continued(*far);
  mux_stream continued = accept();
  EXPECT_TRUE(read_all(continued, window - 100) == sent.substr(100));
}

TEST_F(Handoff, WaitsForRoomInTheLinksQueue) {
  begin();
  const std::string sent = pattern(window);
  std::vector<mux_stream> others;
  send(sent);
  ask();
  // Nobody turns the loop, so what others write stays in the queue and fills it.
  std::vector<gateway_stream*> far_ends;
  for (int i = 0; i < 8; ++i) {
    far_ends.push_back(&gateway->open("other"));
    others.push_back(accept());
  }
  std::vector<outcome> written(others.size());
  const std::string fill(window, 'x');
  for (std::size_t i = 0; i < others.size(); ++i)
    others[i].async_write_some(asio::buffer(fill), into(written[i]));
  stream.hand_over("state");
  stream = mux_stream();  // it needs nobody to hold it
  ASSERT_TRUE(run_until(io, [&] { return far->is_given_up(); }));
  EXPECT_TRUE(far->unread == sent);
  EXPECT_EQ(far->state, "state");
  for (outcome& each : written)
    wait(each);
}

TEST_F(Handoff, CarriesBothHalfClosedDirections) {
  begin();
  send("last words");
  far->finish();
  run_until_quiet(io);
  ask();
  give_up("");
  EXPECT_EQ(far->unread, "last words");
  EXPECT_FALSE(far->checkpoint->finished);

  gateway_stream& next = gateway->open_continued(*far);
  next.finish();
  mux_stream continued = accept();
  EXPECT_EQ(read_all(continued, 100), "last words");
  std::string none;
  EXPECT_EQ(read_some(continued, none, 1).error, asio::error::eof);
  EXPECT_FALSE(write_some(continued, "bye").error);
  continued.close();
  ASSERT_TRUE(run_until(io, [&] { return next.finished; }));
  EXPECT_EQ(next.received, "bye");
}

TEST_F(Handoff, CarriesAnOutputThatHasFinished) {
  begin();
  EXPECT_FALSE(write_some(stream, "bye").error);
  stream.shutdown_send();
  ask();
  give_up("quiet");
  EXPECT_EQ(far->received, "bye");
  EXPECT_TRUE(far->checkpoint->finished);

  gateway_stream& next = gateway->open_continued(*far);
  mux_stream continued = accept();
  EXPECT_TRUE(continued.info().continued->is_finished);
  EXPECT_EQ(write_some(continued, "x").error, asio::error::broken_pipe);
  next.send("more");
  EXPECT_EQ(read_all(continued, 4), "more");
  next.finish();
  std::string none;
  EXPECT_EQ(read_some(continued, none, 1).error, asio::error::eof);
  continued.close();
  ASSERT_TRUE(run_until(io, [&] { return acceptor->counters().streams_open == 0; }));
  EXPECT_FALSE(next.was_reset);
}

TEST_F(Handoff, EndsReadAndWriteThatArePending) {
  begin();
  far->grants_credit = false;
  std::string fill = pattern(window);
  std::size_t sent = 0;
  while (sent < window)
    sent += write_some(stream, std::string_view(fill).substr(sent)).bytes;
  char bytes[10];
  outcome read;
  outcome written;
  stream.async_read_some(asio::buffer(bytes), into(read));
  stream.async_write_some(asio::buffer("never", 5), into(written));
  ask();
  give_up("state");
  EXPECT_EQ(wait(read).error, asio::error::operation_aborted);
  EXPECT_EQ(wait(written).error, asio::error::operation_aborted);
  EXPECT_TRUE(far->received == fill);
  EXPECT_EQ(far->checkpoint->produced, static_cast<std::int64_t>(window));
  EXPECT_EQ(write_some(stream, "x").error, asio::error::operation_aborted);
}

TEST_F(Handoff, SaysWhatIsWrongWithTheStateAndStaysAsItIs) {
  begin();
  error_code error;
  stream.hand_over("early", error);
  EXPECT_EQ(error, asio::error::operation_not_supported);
  ask();
  stream.hand_over(std::string(limits::state_bytes_max + 1, 's'), error);
  EXPECT_EQ(error, asio::error::message_size);
  EXPECT_TRUE(stream.is_open());
  EXPECT_FALSE(write_some(stream, "still here").error);
  give_up("short");
  EXPECT_EQ(far->received, "still here");
  stream.hand_over("twice", error);
  EXPECT_EQ(error, asio::error::not_connected);
  EXPECT_THROW(stream.hand_over("twice"), boost::system::system_error);
  mux_stream none;
  none.hand_over("", error);
  EXPECT_EQ(error, asio::error::not_connected);
}

TEST_F(Handoff, EndsAsMovedWhenTheApplicationClosesInstead) {
  begin();
  send("unread");
  ask();
  EXPECT_FALSE(write_some(stream, "bye").error);
  stream.close();
  ASSERT_TRUE(run_until(io, [&] { return far->is_over(); }));
  EXPECT_EQ(far->was_reset, reset_reason::moved);
  EXPECT_EQ(far->received, "bye");
}

TEST_F(Handoff, IsDeclinedAtOnceForAnApplicationThatNeverWaited) {
  begin();
  send("unread");
  gateway->hand_off(*far);
  ASSERT_TRUE(run_until(io, [&] { return far->is_over(); }));
  EXPECT_EQ(far->was_reset, reset_reason::moved);
  // As when a gateway moves it that cannot ask.
  EXPECT_EQ(read_all(stream, 6), "unread");
  std::string none;
  EXPECT_EQ(read_some(stream, none, 1).error, stream_errc::moved);
  EXPECT_EQ(stream.reset_reason(), reset_reason::moved);
  ASSERT_TRUE(run_until(io, [&] { return acceptor->counters().streams_open == 0; }));
}

TEST_F(Handoff, IsDeclinedForAStreamThatLingers) {
  begin();
  stream.async_wait_handoff(into_asked());
  stream.close();
  gateway->hand_off(*far);
  ASSERT_TRUE(run_until(io, [&] { return far->is_over(); }));
  EXPECT_EQ(far->was_reset, reset_reason::moved);
  ASSERT_TRUE(run_until(io, [&] { return wish.done; }));
  EXPECT_EQ(wish.error, asio::error::operation_aborted);
}

TEST_F(Handoff, IsNotAskedForUnlessTheApplicationKnowsOfIt) {
  start();
  far = &gateway->open();
  stream = accept();
  EXPECT_FALSE(gateway->core().takes_handoffs());
  EXPECT_TRUE(gateway->core().takes_notices());
  EXPECT_FALSE(stream.deposit("state"));
}

TEST_F(Handoff, EndsWithTheLink) {
  begin();
  ask();
  gateway->close({});
  outcome read;
  char bytes[1];
  stream.async_read_some(asio::buffer(bytes), into(read));
  EXPECT_EQ(wait(read).error, asio::error::connection_aborted);
  error_code error;
  stream.hand_over("state", error);
  EXPECT_EQ(error, asio::error::not_connected);
  wish = {};
  stream.async_wait_handoff(into_asked());
  ASSERT_TRUE(run_until(io, [&] { return wish.done; }));
  EXPECT_EQ(wish.error, asio::error::connection_aborted);
}

TEST_F(Handoff, EndsWithAResetOfTheGateway) {
  begin();
  ask();
  far->reset(reset_reason::client_gone);
  outcome read;
  char bytes[1];
  stream.async_read_some(asio::buffer(bytes), into(read));
  EXPECT_EQ(wait(read).error, asio::error::connection_reset);
  error_code error;
  stream.hand_over("state", error);
  EXPECT_EQ(error, asio::error::not_connected);
}

TEST_F(Handoff, MayCrossAResetOrTheEndOfTheLink) {
  begin();
  const std::string sent = pattern(window);
  send(sent);
  ask();
  stream.hand_over("state");
  far->reset(reset_reason::client_gone);
  ASSERT_TRUE(run_until(io, [&] { return acceptor->counters().streams_open == 0; }));

  wish = {};
  far = &gateway->open();
  stream = accept();
  ASSERT_TRUE(run_until(io, [&] { return far->accepted; }));
  send(sent);
  ask();
  stream.hand_over("state");
  gateway->close({});
  ASSERT_TRUE(run_until(io, [&] { return acceptor->counters().links_open == 0; }));
}

TEST_F(Handoff, WaitIsCancelledAndHearsLaterWhatCameMeanwhile) {
  begin();
  asio::cancellation_signal signal;
  stream.async_wait_handoff(asio::bind_cancellation_slot(signal.slot(), into_asked()));
  signal.emit(asio::cancellation_type::total);
  ASSERT_TRUE(run_until(io, [&] { return wish.done; }));
  EXPECT_EQ(wish.error, asio::error::operation_aborted);
  gateway->hand_off(*far);
  run_until_quiet(io);
  EXPECT_FALSE(far->is_over());
  // As often as it is asked.
  for (int i = 0; i < 2; ++i) {
    wish = {};
    stream.async_wait_handoff(into_asked());
    ASSERT_TRUE(run_until(io, [&] { return wish.done; }));
    EXPECT_FALSE(wish.error);
  }
  give_up("");
}

TEST_F(Handoff, WaitEndsWhenTheStreamDoes) {
  begin();
  stream.async_wait_handoff(into_asked());
  far->finish();
  stream.shutdown_send();
  ASSERT_TRUE(run_until(io, [&] { return wish.done; }));
  EXPECT_EQ(wish.error, asio::error::eof);
}

TEST_F(Handoff, WaitMayBePendingWhenTheLoopIsDestroyed) {
  asio::io_context other;
  std::optional<mux_acceptor> listener;
  acceptor_options options;
  options.hands_over = true;
  listener.emplace(other, tcp::endpoint(asio::ip::address_v4::loopback(), 0), options);
  const auto serve = [](mux_acceptor& from) -> asio::awaitable<void> {
    mux_stream taken = co_await from.async_accept(asio::use_awaitable);
    co_await taken.async_wait_handoff(asio::use_awaitable);
  };
  asio::co_spawn(other, serve(*listener), [](const std::exception_ptr&) {});
  link_socket socket(other.get_executor());
  socket.connect(listener->local_endpoint());
  auto link = std::make_shared<test_gateway>(std::move(socket));
  link->start();
  ASSERT_TRUE(run_until(other, [&] { return link->ready; }));
  gateway_stream& far_end = link->open();
  ASSERT_TRUE(run_until(other, [&] { return far_end.accepted; }));
  link->close({});
}

// --- taking over

TEST_F(Handoff, ContinuedStreamIsRefusedLikeAnyOther) {
  begin();
  ask();
  give_up("state");
  gateway_stream& next = gateway->open_continued(*far);
  run_until_quiet(io);
  acceptor->drain(std::chrono::seconds(5));
  ASSERT_TRUE(run_until(io, [&] { return next.is_over(); }));
  ASSERT_TRUE(next.refusal);
  EXPECT_EQ(next.refusal->reason, refuse_reason::shutting_down);
}

TEST_F(Handoff, ContinuedStreamMayEndBeforeAnybodyAcceptsIt) {
  begin();
  ask();
  give_up("state");
  gateway_stream& next = gateway->open_continued(*far);
  run_until_quiet(io);
  EXPECT_EQ(acceptor->counters().streams_waiting, 1U);
  next.reset(reset_reason::client_gone);
  ASSERT_TRUE(run_until(io, [&] { return acceptor->counters().streams_abandoned == 1; }));
}

// --- deposits

TEST_F(Handoff, DepositsReplaceOneAnotherAndSayWhatTheyStandFor) {
  begin();
  EXPECT_EQ(stream.deposit_bytes_max(), 256U);
  send("abcd");
  EXPECT_EQ(read_all(stream, 3), "abc");
  EXPECT_FALSE(write_some(stream, "12").error);
  EXPECT_TRUE(stream.deposit("first"));
  ASSERT_TRUE(run_until(io, [&] { return far->state == "first"; }));
  EXPECT_EQ(far->checkpoint->consumed, 3);
  EXPECT_EQ(far->checkpoint->produced, 2);
  EXPECT_FALSE(far->checkpoint->last);
  EXPECT_TRUE(stream.deposit("second"));
  ASSERT_TRUE(run_until(io, [&] { return far->state == "second"; }));
  EXPECT_FALSE(stream.deposit(std::string(257, 's')));
  ask();
  EXPECT_FALSE(stream.deposit("late"));
  give_up("third");
  EXPECT_FALSE(stream.deposit("later"));
  EXPECT_EQ(stream.deposit_bytes_max(), 0U);
  EXPECT_FALSE(far->was_reset);
}

TEST_F(Handoff, OnlyTheNewestDepositWaitsForRoom) {
  begin();
  std::vector<mux_stream> others;
  for (int i = 0; i < 8; ++i) {
    gateway->open("other");
    others.push_back(accept());
  }
  std::vector<outcome> written(others.size());
  const std::string fill(window, 'x');
  for (std::size_t i = 0; i < others.size(); ++i)
    others[i].async_write_some(asio::buffer(fill), into(written[i]));
  for (int i = 0; i < 10'000; ++i)
    EXPECT_TRUE(stream.deposit(std::string(250, 'a') + std::to_string(i)));
  ASSERT_TRUE(run_until(io, [&] { return far->state == std::string(250, 'a') + "9999"; }));
  EXPECT_LT(far->checkpoints, 5'000U);
  for (outcome& each : written)
    wait(each);
}

TEST_F(Handoff, GoesOnFromADepositAfterACrash) {
  begin();
  EXPECT_TRUE(stream.deposit("saved"));
  ASSERT_TRUE(run_until(io, [&] { return far->state == "saved"; }));
  stream.close(reset_reason::internal);
  gateway->open_continued(*far, continue_cause::crash);
  mux_stream continued = accept();
  ASSERT_TRUE(continued.info().continued);
  EXPECT_EQ(continued.info().continued->cause, continue_cause::crash);
  EXPECT_EQ(continued.info().continued->state, "saved");
}

// --- notices

TEST_F(Handoff, NoticeIsToldOnceAndTheNewestCounts) {
  begin();
  gateway->core().notify(far->id, notice_reason::gateway_draining, std::chrono::seconds(9));
  gateway->core().notify(far->id, notice_reason::shedding, std::chrono::seconds(3));
  run_until_quiet(io);
  std::vector<notice_info> heard;
  error_code failed;
  const auto on_notice = [&](error_code error, notice_info info) {
    if (!error) heard.push_back(info);
    failed = error;
  };
  stream.async_wait_notice(on_notice);
  run_until_quiet(io);
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].reason, notice_reason::shedding);
  EXPECT_EQ(heard[0].within, std::chrono::seconds(3));
  stream.async_wait_notice(on_notice);
  run_until_quiet(io);
  EXPECT_EQ(heard.size(), 1U);
  gateway->core().notify(far->id, notice_reason::shedding, std::chrono::seconds(1));
  ASSERT_TRUE(run_until(io, [&] { return heard.size() == 2; }));
  stream.async_wait_notice(on_notice);
  stream.close();
  ASSERT_TRUE(run_until(io, [&] { return failed == asio::error::operation_aborted; }));
}

}  // namespace
}  // namespace presenter::protocol::test
