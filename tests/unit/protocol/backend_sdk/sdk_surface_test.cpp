// What stands around an acceptor's streams: events of links, errors that name a program's mistake,
// one port for several acceptors, and leaving.
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/write.hpp>
#include <future>
#include <thread>

#include "protocol/backend_sdk/departure.hpp"
#include "tests/unit/protocol/backend_sdk/sdk_fixture.hpp"

namespace presenter::protocol::test {
namespace {

using SdkSurface = sdk_fixture;

TEST_F(SdkSurface, TellsOfLinksThatComeAndGo) {
  std::vector<link_event> events;
  acceptor_options options;
  options.on_link = [&events](const link_event& event) { events.push_back(event); };
  start(options);
  ASSERT_TRUE(run_until(io, [&] { return events.size() == 1; }));
  EXPECT_EQ(events[0].change, link_change::up);
  EXPECT_EQ(events[0].gateway, "gateway");
  EXPECT_EQ(events[0].address.port(), gateway->local_endpoint().port());
  gateway->close({});
  ASSERT_TRUE(run_until(io, [&] { return events.size() == 2; }));
  EXPECT_EQ(events[1].change, link_change::lost);
  EXPECT_EQ(events[1].address, events[0].address);
}

TEST_F(SdkSurface, ASilentLinkIsSuspect) {
  std::vector<link_event> events;
  acceptor_options options;
  options.ping_interval = std::chrono::milliseconds(20);
  options.on_link = [&events](const link_event& event) { events.push_back(event); };
  options.node = "backend";
  acceptor.emplace(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0), options);
  // A gateway that says Hello, and nothing more.
  link_socket socket(io.get_executor());
  socket.connect(acceptor->local_endpoint());
  byte_buffer hello;
  encode(hello_frame{}, hello);
  asio::write(socket, asio::buffer(hello.bytes().data(), hello.size()));
  ASSERT_TRUE(run_until(io, [&] { return events.size() == 2; }));
  EXPECT_EQ(events[1].change, link_change::suspect);
  acceptor->close();
  EXPECT_EQ(events.back().change, link_change::lost);
}

TEST_F(SdkSurface, ASecondAcceptEndsAtOnceAndTheFirstGoesOn) {
  start();
  std::optional<error_code> first, second;
  acceptor->async_accept([&](error_code error, mux_stream) { first = error; });
  acceptor->async_accept([&](error_code error, mux_stream) { second = error; });
  ASSERT_TRUE(run_until(io, [&] { return second.has_value(); }));
  EXPECT_EQ(*second, stream_errc::accept_pending);
  EXPECT_FALSE(first);
  gateway->open();
  ASSERT_TRUE(run_until(io, [&] { return first.has_value(); }));
  EXPECT_FALSE(*first);
}

TEST_F(SdkSurface, AnotherThreadIsToldThatItIsWrong) {
  start();
  std::promise<error_code> told;
  std::thread other([&] {
    asio::post(io, [&] {
      acceptor->async_accept([&](error_code error, mux_stream) { told.set_value(error); });
    });
    io.restart();
    io.run_for(std::chrono::seconds(1));
  });
  auto answer = told.get_future();
  answer.wait();
  io.stop();
  other.join();
  EXPECT_EQ(answer.get(), stream_errc::wrong_thread);
}

TEST_F(SdkSurface, AcceptorsOfTwoThreadsShareAPort) {
  acceptor_options options;
  EXPECT_THROW((start(options), mux_acceptor(io, acceptor->local_endpoint(), options)),
               boost::system::system_error);
  options.shares_port = true;
  gateway->close({});
  start(options);
  asio::io_context second;
  std::optional<mux_acceptor> other;
  other.emplace(second, acceptor->local_endpoint(), options);
  std::thread thread([&] { second.run(); });
  // The kernel chooses by the ports: among 64 links none at one of the two is a chance of 2^-63.
  std::vector<std::shared_ptr<test_gateway>> links;
  links.reserve(64);
  for (int i = 0; i < 64; ++i)
    links.push_back(connect());
  for (const auto& link : links)
    EXPECT_TRUE(run_until(io, [&] { return link->ready; }));
  EXPECT_GT(acceptor->counters().links_accepted, 1U);
  EXPECT_LT(acceptor->counters().links_accepted, 65U);
  for (const auto& link : links)
    link->close({});
  asio::post(second, [&] { other.reset(); });
  thread.join();
}

TEST_F(SdkSurface, SaysWhereItCannotListen) {
  start();
  try {
    const mux_acceptor second(io, acceptor->local_endpoint(), acceptor_options());
    FAIL() << "two listen on one port";
  } catch (const boost::system::system_error& failed) {
    EXPECT_EQ(failed.code(), asio::error::address_in_use);
    const std::string where = "127.0.0.1:" + std::to_string(acceptor->local_endpoint().port());
    EXPECT_NE(std::string(failed.what()).find(where), std::string::npos) << failed.what();
  }
}

TEST_F(SdkSurface, ALoopOfAcceptsSeesThatTheAcceptorDrains) {
  start();
  std::function<void()> accept_again;
  int turns = 0;
  accept_again = [&] {
    acceptor->async_accept([&](error_code, mux_stream) {
      ++turns;
      if (acceptor->is_open()) accept_again();
    });
  };
  accept_again();
  gateway->open();
  ASSERT_TRUE(run_until(io, [&] { return turns == 1; }));
  EXPECT_TRUE(acceptor->is_open());
  acceptor->drain(std::chrono::seconds(5));
  EXPECT_FALSE(acceptor->is_open());
  EXPECT_TRUE(run_until(io, [&] { return turns == 2; }));
  run_until_quiet(io);
  EXPECT_EQ(turns, 2);
}

TEST_F(SdkSurface, DepartureEndsAcceptorsOfAllThreads) {
  start();
  asio::io_context second;
  std::optional<mux_acceptor> other;
  other.emplace(second, tcp::endpoint(asio::ip::address_v4::loopback(), 0), acceptor_options());
  auto work = asio::make_work_guard(second);
  std::thread thread([&] { second.run(); });
  bool gone = false;
  departure going(io, {&*acceptor, &*other}, nullptr, {}, [&gone] { gone = true; });
  auto& far = gateway->open();
  mux_stream stream = accept();
  going.start();
  run_until_quiet(io);
  EXPECT_TRUE(gateway->going_away);
  EXPECT_FALSE(gone);
  stream.close(reset_reason::cancelled);
  ASSERT_TRUE(run_until(io, [&] { return gone; }));
  EXPECT_TRUE(far.is_over());
  asio::post(second, [&] { other.reset(); });
  work.reset();
  thread.join();
}

TEST_F(SdkSurface, AStreamHasWhatCodeForSocketsAsksFor) {
  start();
  gateway->open();
  mux_stream stream = accept();
  EXPECT_EQ(stream.remote_endpoint(), tcp::endpoint(asio::ip::make_address("192.0.2.1"), 40'000));
  stream.set_option(tcp::no_delay(true));
  EXPECT_EQ(&stream.lowest_layer(), &stream);
  error_code error = asio::error::eof;
  stream.close(error);
  EXPECT_FALSE(error);
  EXPECT_FALSE(stream.is_open());
  stream = mux_stream();
  stream.remote_endpoint(error);
  EXPECT_EQ(error, asio::error::not_connected);
}

}  // namespace
}  // namespace presenter::protocol::test
