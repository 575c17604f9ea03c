// The connector over loopback: one port, several addresses, some of which refuse or say nothing.
#include "base/net/connector.hpp"

#include <gtest/gtest.h>

#include <boost/asio/error.hpp>
#include <optional>
#include <string>

#include "base/net/errc.hpp"
#include "tests/support/io_turns.hpp"
#include "tests/support/silent_listener.hpp"

namespace presenter::net {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using std::chrono::milliseconds;

asio::ip::address address(const char* text) {
  return asio::ip::make_address(text);
}

// A limit for a broken run: nothing is measured by it.
constexpr milliseconds plenty{60'000};

class Connector : public ::testing::Test {
 protected:
  void start(endpoints targets, milliseconds timeout = plenty) {
    made = std::make_shared<connector>(io, std::move(targets));
    made->start(timeout, [this](error_code error, tcp_socket socket,
                                const std::vector<connect_attempt>& tried) {
      failed = error;
      attempts = tried;
      if (!error) reached = socket.remote_endpoint().address().to_string();
    });
  }
  void connect(endpoints targets, milliseconds timeout = plenty) {
    start(std::move(targets), timeout);
    ASSERT_TRUE(tests::run_until(io, [this] { return failed.has_value(); }));
  }
  // Listens at this address, at a port that others share.
  tcp::acceptor& listener(const char* at) {
    auto& made_now = listening.emplace_back(io);
    made_now.open(tcp::v4());
    made_now.bind({address(at), port});
    made_now.listen();
    port = made_now.local_endpoint().port();
    return made_now;
  }

  asio::io_context io;
  std::uint16_t port = 0;
  std::vector<tcp::acceptor> listening;
  std::shared_ptr<connector> made;
  std::optional<error_code> failed;
  std::vector<connect_attempt> attempts;
  std::string reached;
};

std::string order(const addresses& all) {
  std::string text;
  for (const auto& each : interleaved(all, 80))
    text += each.address().to_string() + " ";
  return text;
}

TEST(Addresses, OfBothFamiliesTakeTurns) {
  EXPECT_EQ(order({address("::1"), address("::2"), address("::3"), address("10.0.0.1")}),
            "::1 10.0.0.1 ::2 ::3 ");
  EXPECT_EQ(order({address("10.0.0.1"), address("10.0.0.2"), address("::1")}),
            "10.0.0.1 ::1 10.0.0.2 ");
  EXPECT_EQ(order({}), "");
}

TEST(Addresses, AreNotWithoutBound) {
  EXPECT_EQ(interleaved(addresses(1'000, address("10.0.0.1")), 80).size(), addresses_max);
}

TEST_F(Connector, TakesTheFirstAddressThatConnects) {
  listener("127.0.0.2");
  listener("127.0.0.3");
  connect({{address("127.0.0.2"), port}, {address("127.0.0.3"), port}});
  EXPECT_EQ(reached, "127.0.0.2");
  EXPECT_EQ(attempts.size(), 1U);
}

TEST_F(Connector, GoesOnAtOnceWhenAnAddressRefuses) {
  listener("127.0.0.9");
  connect(
      {{address("127.0.0.2"), port}, {address("127.0.0.3"), port}, {address("127.0.0.9"), port}});
  EXPECT_EQ(reached, "127.0.0.9");
  ASSERT_EQ(attempts.size(), 3U);
  EXPECT_EQ(attempts[0].result, asio::error::connection_refused);
  EXPECT_EQ(attempts[1].result, asio::error::connection_refused);
  EXPECT_FALSE(attempts[2].result);
}

TEST_F(Connector, AnAddressThatSwallowsWhatItIsSentHoldsNobodyUp) {
  listener("127.0.0.3");
  const tests::silent_listener silent(io, {address("127.0.0.2"), port});
  connect({silent.endpoint(), {address("127.0.0.3"), port}});
  EXPECT_EQ(reached, "127.0.0.3");
  ASSERT_EQ(attempts.size(), 2U);
  EXPECT_EQ(attempts[0].result, asio::error::operation_aborted);
}

// The kernel sends the first SYN again after a second, long after the timeout.
TEST_F(Connector, AShortTimeoutLeavesTimeForEachAddress) {
  listener("127.0.0.4");
  const tests::silent_listener first(io, {address("127.0.0.2"), port});
  const tests::silent_listener second(io, {address("127.0.0.3"), port});
  connect({first.endpoint(), second.endpoint(), {address("127.0.0.4"), port}}, milliseconds(480));
  EXPECT_EQ(reached, "127.0.0.4");
}

TEST_F(Connector, TellsWhatEachAddressAnswered) {
  const tests::silent_listener silent(io, {address("127.0.0.2"), 0});
  connect({silent.endpoint(), {address("127.0.0.3"), silent.endpoint().port()}}, milliseconds(480));
  EXPECT_EQ(failed, asio::error::timed_out);
  EXPECT_EQ(text_of(attempts), "127.0.0.2: Connection timed out, 127.0.0.3: Connection refused");
}

TEST_F(Connector, FailsAsSoonAsTheLastAddressDoes) {
  listener("127.0.0.9");
  connect({{address("127.0.0.2"), port}, {address("127.0.0.3"), port}});
  EXPECT_EQ(failed, asio::error::connection_refused);
  EXPECT_EQ(attempts.size(), 2U);
}

TEST_F(Connector, HasNowhereToGoWithoutAnAddress) {
  start({});
  EXPECT_FALSE(failed) << "not inside the call";
  ASSERT_TRUE(tests::run_until(io, [this] { return failed.has_value(); }));
  EXPECT_EQ(failed, errc::no_address);
  EXPECT_TRUE(attempts.empty());
}

TEST_F(Connector, CallsNobodyOnceItIsCancelled) {
  const tests::silent_listener silent(io, {address("127.0.0.2"), 0});
  listener("127.0.0.3");
  start({silent.endpoint(), {address("127.0.0.3"), port}});
  tests::run_until_quiet(io);
  made->cancel();
  made.reset();
  io.restart();
  io.run();  // nothing is left to wait for
  EXPECT_FALSE(failed);
}

}  // namespace
}  // namespace presenter::net
