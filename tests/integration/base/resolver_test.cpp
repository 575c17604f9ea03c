// The resolver and a real name server, which hangs when it is stopped.
#include "base/net/resolver.hpp"

#include <gtest/gtest.h>
#include <signal.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/child_process.hpp"
#include "tests/support/io_turns.hpp"

namespace presenter::net {
namespace {

namespace asio = boost::asio;
using asio::ip::udp;
using std::chrono::milliseconds;

// A limit for a broken run: nothing is measured by it.
constexpr milliseconds plenty{60'000};

class Resolver : public ::testing::Test {
 protected:
  Resolver() : silent(io, udp::endpoint(asio::ip::address_v4::loopback(), 0)) {
    options.limit = options.patience = options.other_family = plenty;
    // Somebody else may take the port before dnsmasq has it.
    for (int tries = 0; tries < 20 && !is_answering; ++tries) {
      port = free_port();
      options.servers = "127.0.0.1:" + std::to_string(port);
      is_answering = try_to_start();
    }
    EXPECT_TRUE(is_answering) << "dnsmasq has ended";
  }

  // For UDP and for TCP: dnsmasq wants both.
  std::uint16_t free_port() {
    while (true) {
      const udp::socket probe(io, udp::endpoint(asio::ip::address_v4::loopback(), 0));
      const std::uint16_t found = probe.local_endpoint().port();
      asio::ip::tcp::socket beside(io, asio::ip::tcp::v4());
      boost::system::error_code taken;
      beside.bind({asio::ip::address_v4::loopback(), found}, taken);
      if (!taken) return found;
    }
  }

  void start_server(const std::vector<std::string>& more = {}) {
    ASSERT_TRUE(try_to_start(more)) << "dnsmasq has ended";
  }

  bool try_to_start(const std::vector<std::string>& more = {}) {
    const std::string at = "127.0.0.1#" + std::to_string(silent.local_endpoint().port());
    std::vector<std::string> words{
        "/usr/sbin/dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--no-resolv",
        "--no-hosts", "--pid-file", "--dns-forward-max=10000", "--user=", "--cache-size=0",
        "--bind-interfaces", "--listen-address=127.0.0.1", "--port=" + std::to_string(port),
        "--local=/test/", "--host-record=both.test,10.0.0.1,fd00::1",
        "--host-record=one.test,10.0.0.7",
        // A's answer is known, AAAA's is asked where nobody answers.
        "--address=/half.test/10.0.0.9", "--server=/half.test/" + at, "--server=/dead.test/" + at};
    words.insert(words.end(), more.begin(), more.end());
    server.reset();
    server = std::make_unique<tests::child_process>(words, "/dev/null");
    // It answers as soon as it can; before, the port is closed.
    resolver until_there(io.get_executor(), options);
    std::optional<resolved_name> answer;
    do {
      answer.reset();
      until_there.resolve("one.test", [&](const resolved_name& name) { answer = name; });
      if (!tests::run_until(io, [&] { return answer.has_value(); })) return false;
    } while (answer->all.empty() && !server->wait_for(milliseconds(10)));
    return !answer->all.empty();
  }

  void make() {
    names.emplace(io.get_executor(), options,
                  [this](lookup_result result) { ++counts[static_cast<std::size_t>(result)]; });
  }

  resolved_name look_up(const std::string& name) {
    std::optional<resolved_name> answer;
    names->resolve(name, [&](const resolved_name& got) { answer = got; });
    EXPECT_FALSE(answer) << "inside the call";
    EXPECT_TRUE(tests::run_until(io, [&] { return answer.has_value(); }));
    return answer.value_or(resolved_name{});
  }

  static std::string text_of(const resolved_name& name) {
    std::string text;
    for (const auto& each : name.all)
      text += each.to_string() + " ";
    return text;
  }

  asio::io_context io;
  udp::socket silent;  // what is sent there stays unread
  std::uint16_t port = 0;
  resolver_options options;
  std::unique_ptr<tests::child_process> server;
  bool is_answering = false;
  std::optional<resolver> names;
  std::array<int, 3> counts{};
};

TEST_F(Resolver, FindsTheAddressesOfBothFamilies) {
  make();
  EXPECT_EQ(text_of(look_up("both.test")), "fd00::1 10.0.0.1 ");
  EXPECT_EQ(text_of(look_up("one.test")), "10.0.0.7 ");
  EXPECT_EQ(text_of(look_up("10.1.2.3")), "10.1.2.3 ");
  EXPECT_EQ(text_of(look_up("fd00::5")), "fd00::5 ");
  EXPECT_EQ(counts, (std::array{2, 0, 0}));
}

TEST_F(Resolver, TellsWhatIsWrongWithAName) {
  make();
  EXPECT_EQ(look_up("nobody.test").failed, errc::name_unknown);
  EXPECT_TRUE(look_up(std::string(64, 'x') + ".test").all.empty());
  options.servers = "127.0.0.1:" + std::to_string(port + 1);
  make();
  EXPECT_EQ(look_up("one.test").failed, errc::name_servers_failed);
}

TEST_F(Resolver, HasALimitForEachLookUp) {
  options.limit = milliseconds(50);
  make();
  EXPECT_EQ(look_up("dead.test").failed, errc::lookup_timed_out);
  EXPECT_EQ(counts, (std::array{0, 0, 1}));
}

TEST_F(Resolver, OneNameThatHangsHoldsUpNoOther) {
  make();
  bool is_dead_known = false;
  for (int i = 0; i < 20; ++i)
    names->resolve("a" + std::to_string(i) + ".dead.test",
                   [&](const resolved_name&) { is_dead_known = true; });
  EXPECT_EQ(text_of(look_up("one.test")), "10.0.0.7 ");
  EXPECT_FALSE(is_dead_known);
}

TEST_F(Resolver, AHangingQuestionForIpv6IsNotWaitedForLong) {
  options.other_family = milliseconds(10);
  make();
  EXPECT_EQ(text_of(look_up("half.test")), "10.0.0.9 ");
}

TEST_F(Resolver, KeepsTheLastGoodAddressesWhileALookUpHangs) {
  options.patience = milliseconds(10);
  make();
  ASSERT_EQ(text_of(look_up("one.test")), "10.0.0.7 ");
  server->signal(SIGSTOP);
  for (int i = 0; i < 3; ++i) {
    const resolved_name kept = look_up("one.test");
    EXPECT_EQ(text_of(kept), "10.0.0.7 ");
    EXPECT_EQ(kept.failed, errc::lookup_under_way);
  }
  EXPECT_EQ(counts, (std::array{1, 0, 0})) << "one look-up for all of them";
}

TEST_F(Resolver, KeepsTheLastGoodAddressesWhenALookUpFails) {
  make();
  ASSERT_EQ(text_of(look_up("one.test")), "10.0.0.7 ");
  server->kill();
  const resolved_name kept = look_up("one.test");
  EXPECT_EQ(text_of(kept), "10.0.0.7 ");
  EXPECT_EQ(kept.failed, errc::name_servers_failed);
}

TEST_F(Resolver, TakesNewAddressesWhenThereAreSome) {
  make();
  ASSERT_EQ(text_of(look_up("one.test")), "10.0.0.7 ");
  start_server({"--address=/moved.test/10.0.0.2"});
  EXPECT_EQ(text_of(look_up("moved.test")), "10.0.0.2 ");
  start_server({"--address=/moved.test/10.0.0.3"});
  const resolved_name moved = look_up("moved.test");
  EXPECT_EQ(text_of(moved), "10.0.0.3 ");
  EXPECT_FALSE(moved.failed);
}

TEST_F(Resolver, MoreThanItsBoundWaitForTheirTurn) {
  options.limit = milliseconds(200);
  make();
  std::size_t ended = 0;
  const std::size_t all = 3 * resolver::lookups_max;
  for (std::size_t i = 0; i < all; ++i)
    names->resolve("a" + std::to_string(i) + ".dead.test", [&](const resolved_name& name) {
      EXPECT_EQ(name.failed, errc::lookup_timed_out);
      ++ended;
    });
  ASSERT_TRUE(tests::run_until(io, [&] { return ended == all; }));
  // A slow name server may miss the limit of one look-up: then there is another.
  std::string found;
  for (int tries = 0; found.empty() && tries < 100; ++tries)
    found = text_of(look_up("one.test"));
  EXPECT_EQ(found, "10.0.0.7 ");
}

TEST_F(Resolver, NothingWaitsForItsEnd) {
  make();
  bool is_called = false;
  names->resolve("dead.test", [&](const resolved_name&) { is_called = true; });
  io.poll();
  names.reset();
  io.restart();
  io.run();  // nothing is left to wait for
  EXPECT_FALSE(is_called);
}

}  // namespace
}  // namespace presenter::net
