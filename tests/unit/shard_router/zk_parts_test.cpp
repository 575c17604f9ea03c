// The parts of the ZooKeeper side that need no ZooKeeper.
#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>

#include "base/backoff.hpp"
#include "base/life_token.hpp"
#include "shard_router/errc.hpp"
#include "shard_router/zk_address.hpp"
#include "shard_router/zk_error.hpp"
#include "shard_router/zk_registration.hpp"
#include "shard_router/zk_servers.hpp"
#include "tests/unit/shard_router/made_map.hpp"

namespace presenter::shard_router {
namespace {

using std::chrono::milliseconds;

TEST(ZkAddress, SplitsServersAndChroot) {
  EXPECT_EQ(*parse_zk_address("zk:2181"), (zk_address{"zk:2181", ""}));
  EXPECT_EQ(*parse_zk_address("zk:2181/"), (zk_address{"zk:2181", ""}));
  EXPECT_EQ(*parse_zk_address("a.b:1,[::1]:65535/presenter/eu"),
            (zk_address{"a.b:1,[::1]:65535", "/presenter/eu"}));
}

// Debian's 3.8 splits at the last colon and gives the rest to getaddrinfo, brackets and all.
TEST(ZkServers, TheClientIsGivenIpv6WithoutBrackets) {
  boost::asio::io_context io;
  shard_counters counters;
  zk_servers servers(io.get_executor(), "[2001:db8::1]:2181,10.0.0.1:1,[::1]:65535", counters);
  EXPECT_FALSE(servers.has_names());
  zk_servers::found_servers found;
  servers.look_up([&](const zk_servers::found_servers& all) { found = all; });
  io.run();
  EXPECT_EQ(list_of(found.addresses), "10.0.0.1:1,2001:db8::1:2181,::1:65535");
  EXPECT_EQ(found.mistakes, "");
}

TEST(ZkAddress, RefusesWhatTheClientWouldMisread) {
  for (const char* text :
       {"",          "/presenter",   "zk",         "zk:",          ":2181",     "zk:0",
        "zk:65536",  "zk:2181x",     "zk:-1",      "a:1,,b:2",     "a:1,",      ",a:1",
        "zk:2181//", "zk:2181/a//b", "zk:2181/a/", "zk:2181/../a", "zk:2181/.", "::1:2181",
        "[]:1",      "::1",          "[::1]",      "[::1]/x",      "[zk]:1",    "[::1:2181",
        "zk..a:1",   "10.0.0.256:1", "fe80::1:1",  "[zk:1]:1",     "z k:1",     "zk:1/a b",
        "zk: 1"}) {
    const auto parsed = parse_zk_address(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error(), errc::address_invalid) << text;
  }
}

TEST(Backoff, DoublesWithinItsBoundsAndStartsAgain) {
  backoff waits(milliseconds(100), milliseconds(1'000), 1);
  for (int round = 0; round < 2; ++round) {
    for (const int whole : {100, 200, 400, 800, 1'000, 1'000}) {
      const milliseconds wait = waits.next();
      EXPECT_GE(wait.count(), whole / 2);
      EXPECT_LE(wait.count(), whole);
    }
    waits.reset();
  }
}

TEST(Backoff, DoesNotWaitInStep) {
  std::set<milliseconds> seen;
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    seen.insert(backoff(milliseconds(10'000), milliseconds(10'000), seed * 1'000'003).next());
  }
  EXPECT_GT(seen.size(), 10u);
}

TEST(LifeToken, BoundCallbacksEndWithIt) {
  int calls = 0;
  std::optional<life_token> life(std::in_place);
  const std::function<void(int)> call = life->bind([&](int count) { calls += count; });
  call(1);
  life->renew();
  call(10);
  const std::function<void(int)> renewed = life->bind([&](int count) { calls += count; });
  renewed(100);
  life.reset();
  renewed(1'000);
  EXPECT_EQ(calls, 101);
}

TEST(ShardRouterErrc, EveryOneHasANameAndAText) {
  std::set<std::string_view> names;
  int count = 0;
  for (int value = 1; name_of(static_cast<errc>(value)) != "unknown"; ++value, ++count) {
    names.insert(name_of(static_cast<errc>(value)));
    EXPECT_NE(make_error_code(static_cast<errc>(value)).message(), "unknown error");
  }
  EXPECT_EQ(count, static_cast<int>(errc::secret_exposed));
  EXPECT_EQ(names.size(), static_cast<std::size_t>(count));
}

TEST(ZkErrc, KeepsZooKeepersNumberAndText) {
  const boost::system::error_code code = zk_errc::no_node;
  EXPECT_EQ(code.value(), -101);
  EXPECT_EQ(code.message(), "no node");
}

TEST(ZkRegistration, RefusesWhatNobodyCouldRead) {
  boost::asio::io_context control;
  zk_session session(control.get_executor(), {});
  backend_entry self = made_backend("chat a");
  EXPECT_THROW(zk_registration(session, self), std::invalid_argument);
  for (const char* host : {"0.0.0.0", "::", "chat a", ""}) {
    self = made_backend("chat-a");
    self.host = host;
    EXPECT_THROW(zk_registration(session, self), std::invalid_argument) << host;
  }
  self = made_backend("chat-a");
  self.weight = 0;
  EXPECT_THROW(zk_registration(session, self), std::invalid_argument);

  zk_registration good(session, made_backend("chat-a"));
  EXPECT_THROW(good.update(self), std::invalid_argument);
  EXPECT_EQ(good.self().weight, limits::weight_default);
}

// RFC 4122 §3: 8-4-4-4-12 hexadecimal digits, version 4, variant 10.
TEST(ZkRegistration, AnInstanceIsARandomUuid) {
  std::set<std::string> seen;
  for (int round = 0; round < 100; ++round) {
    const std::string made = make_instance();
    ASSERT_EQ(made.size(), 36u) << made;
    for (const std::size_t dash : {8u, 13u, 18u, 23u})
      EXPECT_EQ(made[dash], '-') << made;
    EXPECT_EQ(made[14], '4') << made;
    EXPECT_NE(std::string("89ab").find(made[19]), std::string::npos) << made;
    seen.insert(made);
  }
  EXPECT_EQ(seen.size(), 100u);
}

}  // namespace
}  // namespace presenter::shard_router
