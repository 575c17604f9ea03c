// The acceptor: admission, backlog, links, and running out of descriptors.
#include <sys/resource.h>

#include <boost/asio/bind_cancellation_slot.hpp>

#include "tests/unit/protocol/backend_sdk/sdk_fixture.hpp"

namespace presenter::protocol::test {
namespace {

using Acceptor = sdk_fixture;

TEST_F(Acceptor, AnnouncesItsOptions) {
  acceptor_options options;
  options.map_epoch = 42;
  options.streams_open_max = 2;
  start(options);
  EXPECT_NE(acceptor->local_endpoint().port(), 0);
  gateway->open("a");
  gateway->open("b");
  EXPECT_FALSE(gateway->core().can_open());
  EXPECT_EQ(acceptor->counters().links_accepted, 1U);
}

TEST_F(Acceptor, TakesNoOptionsThatNoGatewayCouldAccept) {
  const std::pair<const char*, std::function<void(acceptor_options&)>> faults[] = {
      {"node", [](acceptor_options& o) { o.node = std::string(256, 'n'); }},
      {"map_epoch", [](acceptor_options& o) { o.map_epoch = -1; }},
      {"stream_window_bytes", [](acceptor_options& o) { o.stream_window_bytes = 1'023; }},
      {"link_window_bytes", [](acceptor_options& o) { o.link_window_bytes = 16'383; }},
      {"two stream windows", [](acceptor_options& o) { o.link_window_bytes = 131'071; }},
      {"streams_open_max", [](acceptor_options& o) { o.streams_open_max = 0; }},
      {"streams_opening_max", [](acceptor_options& o) { o.streams_opening_max = 0; }},
      {"opens_per_second", [](acceptor_options& o) { o.opens_per_second = 0; }},
      {"ping_interval",
       [](acceptor_options& o) { o.ping_interval = std::chrono::milliseconds(0); }},
  };
  for (const auto& [name, spoil] : faults) {
    acceptor_options options;
    spoil(options);
    try {
      const mux_acceptor taken(io, {asio::ip::address_v4::loopback(), 0}, options);
      ADD_FAILURE() << name << " was taken";
    } catch (const std::invalid_argument& error) {
      EXPECT_NE(std::string(error.what()).find(name), std::string::npos) << error.what();
    }
  }
}

TEST_F(Acceptor, ShowsWhichStreamsBeganWithEarlyData) {
  acceptor_options options;
  options.takes_early_data = true;
  start(options);
  EXPECT_TRUE(gateway->core().takes_early_data());
  gateway->open("early", true);
  gateway->open("late");
  EXPECT_TRUE(accept().info().early_data);
  EXPECT_FALSE(accept().info().early_data);
}

TEST_F(Acceptor, EndsALinkThatBringsEarlyDataUnasked) {
  start();
  EXPECT_FALSE(gateway->core().takes_early_data());
  gateway->open("early", true);
  EXPECT_TRUE(run_until(io, [&] { return gateway->closed; }));
  EXPECT_EQ(acceptor->counters().streams_opened, 0U);
  EXPECT_EQ(acceptor->counters().links_failed, 1U);
}

TEST_F(Acceptor, RefusesOpensBeyondItsRateAndCountsThem) {
  acceptor_options options;
  options.opens_per_second = 1;
  start(options);
  for (int i = 0; i < 5; ++i)
    gateway->open();
  EXPECT_TRUE(run_until(io, [&] { return acceptor->counters().streams_limited == 3; }));
  EXPECT_EQ(acceptor->counters().streams_opened, 2U);
  gateway->close({});
  EXPECT_TRUE(run_until(io, [&] { return acceptor->counters().links_open == 0; }));
  EXPECT_EQ(acceptor->counters().streams_limited, 3U);
}

TEST_F(Acceptor, AcceptIsSentWhenTheApplicationTakesTheStream) {
  start();
  auto& far = gateway->open();
  ASSERT_TRUE(run_until(io, [&] { return acceptor->counters().streams_waiting == 1; }));
  run_until_quiet(io);
  EXPECT_FALSE(far.accepted);
  const mux_stream stream = accept();
  EXPECT_TRUE(run_until(io, [&] { return far.accepted; }));
  EXPECT_EQ(acceptor->counters().streams_accepted, 1U);
}

TEST_F(Acceptor, AdmissionRefusesWithItsReason) {
  acceptor_options options;
  options.admit = [](const open_frame& open) -> std::optional<refusal> {
    if (open.key == "mine") return std::nullopt;
    if (open.key == "full") {
      return refusal{refuse_reason::busy, std::nullopt, std::chrono::milliseconds(250)};
    }
    return refusal{refuse_reason::not_owner, 99, std::nullopt};
  };
  start(options);
  auto& mine = gateway->open("mine");
  auto& other = gateway->open("other");
  auto& full = gateway->open("full");
  const mux_stream stream = accept();
  ASSERT_TRUE(run_until(io, [&] { return mine.accepted && other.refusal && full.refusal; }));
  EXPECT_EQ(other.refusal->reason, refuse_reason::not_owner);
  EXPECT_EQ(other.refusal->map_epoch, 99);
  EXPECT_EQ(full.refusal->reason, refuse_reason::busy);
  EXPECT_EQ(full.refusal->retry_after_ms, 250);
  EXPECT_EQ(acceptor->counters().streams_refused, 2U);
}

TEST_F(Acceptor, FullBacklogRefusesBusyUntilSomebodyAccepts) {
  acceptor_options options;
  options.accept_backlog = 2;
  start(options);
  auto& first = gateway->open("1");
  auto& second = gateway->open("2");
  auto& third = gateway->open("3");
  ASSERT_TRUE(run_until(io, [&] { return third.refusal.has_value(); }));
  EXPECT_EQ(third.refusal->reason, refuse_reason::busy);
  EXPECT_EQ(third.refusal->retry_after_ms, 1'000);
  EXPECT_FALSE(first.is_over());
  EXPECT_EQ(accept().info().key, "1");
  auto& fourth = gateway->open("4");
  EXPECT_EQ(accept().info().key, "2");
  EXPECT_EQ(accept().info().key, "4");
  EXPECT_FALSE(second.refusal || fourth.refusal);
}

TEST_F(Acceptor, StreamsThatEndUnacceptedLeaveTheBacklog) {
  acceptor_options options;
  options.accept_backlog = 2;
  start(options);
  for (int i = 0; i < 10; ++i) {
    auto& gone = gateway->open("gone");
    gone.send("hello");
    ASSERT_TRUE(run_until(io, [&] { return acceptor->counters().streams_waiting == 1; }));
    gone.reset(reset_reason::client_gone);
    ASSERT_TRUE(run_until(io, [&] { return acceptor->counters().streams_waiting == 0; }));
  }
  EXPECT_EQ(acceptor->counters().streams_abandoned, 10U);
  gateway->open("here");
  EXPECT_EQ(accept().info().key, "here");
  gateway->open("lost");
  ASSERT_TRUE(run_until(io, [&] { return acceptor->counters().streams_waiting == 1; }));
  gateway->close({});
  EXPECT_TRUE(run_until(io, [&] { return acceptor->counters().streams_waiting == 0; }));
}

TEST_F(Acceptor, CancelledAcceptLosesNoStream) {
  start();
  asio::cancellation_signal signal;
  std::optional<error_code> result;
  acceptor->async_accept(asio::bind_cancellation_slot(
      signal.slot(), [&](error_code error, mux_stream) { result = error; }));
  signal.emit(asio::cancellation_type::terminal);
  ASSERT_TRUE(run_until(io, [&] { return result.has_value(); }));
  EXPECT_EQ(*result, asio::error::operation_aborted);
  gateway->open("kept");
  EXPECT_EQ(accept().info().key, "kept");
}

TEST_F(Acceptor, CloseEndsTheWaitingAccept) {
  start();
  std::optional<error_code> result;
  acceptor->async_accept([&](error_code error, mux_stream) { result = error; });
  acceptor->close();
  ASSERT_TRUE(run_until(io, [&] { return result.has_value(); }));
  EXPECT_EQ(*result, asio::error::operation_aborted);
  EXPECT_TRUE(run_until(io, [&] { return gateway->closed; }));
}

TEST_F(Acceptor, LinksAboveTheLimitAreClosedAtOnce) {
  acceptor_options options;
  options.links_max = 1;
  start(options);
  const auto extra = connect();
  ASSERT_TRUE(run_until(io, [&] { return extra->closed; }));
  EXPECT_FALSE(extra->ready);
  EXPECT_EQ(acceptor->counters().links_refused, 1U);
  EXPECT_FALSE(gateway->closed);
}

TEST_F(Acceptor, ThousandsOfStreamsRideOnOneLink) {
  start();
  constexpr int count = 3'000;
  std::vector<mux_stream> near;
  std::vector<gateway_stream*> far;
  for (int i = 0; i < count; ++i) {
    far.push_back(&gateway->open(std::to_string(i)));
    far.back()->send("hello " + std::to_string(i));
    near.push_back(accept());
  }
  EXPECT_EQ(acceptor->counters().streams_open, static_cast<std::size_t>(count));
  EXPECT_EQ(acceptor->counters().links_open, 1U);
  for (int i = 0; i < count; ++i) {
    std::string text;
    read_some(near[static_cast<std::size_t>(i)], text, 100);
    EXPECT_EQ(text, "hello " + std::to_string(i));
  }
  near.clear();
  for (auto* each : far)
    each->finish();
  EXPECT_TRUE(run_until(io, [&] { return acceptor->counters().streams_open == 0; }));
}

// Lowers the limit of open descriptors to those that are open now.
class no_descriptor_left {
 public:
  no_descriptor_left() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const int lowest_free = ::dup(0);
    ::close(lowest_free);
    auto lowered = before_;
    lowered.rlim_cur = static_cast<rlim_t>(lowest_free);
    ::setrlimit(RLIMIT_NOFILE, &lowered);
  }
  ~no_descriptor_left() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(Acceptor, RunningOutOfDescriptorsPausesAndRecovers) {
  acceptor_options options;
  options.accept_pause = std::chrono::milliseconds(50);
  start(options);
  link_socket socket(io.get_executor(), tcp::v4());
  const auto begin = std::chrono::steady_clock::now();
  // The undefined behaviour sanitizer needs a descriptor to see a type for the first time.
  std::uint64_t errors = acceptor->counters().accept_errors;
  {
    const no_descriptor_left limit;
    socket.connect(acceptor->local_endpoint());
    ASSERT_TRUE(run_until(io, [&] { return acceptor->counters().accept_errors >= 2; }));
    errors = acceptor->counters().accept_errors;
  }
  const auto elapsed = std::chrono::steady_clock::now() - begin;
  EXPECT_LE(errors, static_cast<std::uint64_t>(elapsed / options.accept_pause) + 1);  // no spinning
  const auto late = std::make_shared<test_gateway>(std::move(socket));
  late->start();
  EXPECT_TRUE(run_until(io, [&] { return late->ready; }));
  late->close({});
}

TEST(AcceptorStart, ThrowsWhenItCannotListen) {
  asio::io_context io;
  const tcp::endpoint elsewhere(asio::ip::make_address("192.0.2.1"), 0);
  EXPECT_THROW(mux_acceptor(io, elsewhere, {}), boost::system::system_error);
}

}  // namespace
}  // namespace presenter::protocol::test
