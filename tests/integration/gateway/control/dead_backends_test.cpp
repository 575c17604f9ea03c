// A gateway that takes dead backends out of a real ZooKeeper's map, and one that is wrong.
#include "gateway/control/dead_backends.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "tests/integration/shard_router/control_loop.hpp"

namespace presenter::gateway {
namespace {

using shard_router::backend_entry;
using shard_router::zk_session;
using shard_router::zk_state;
using shard_router::tests::registered_backend;
using shard_router::tests::the_zookeeper;
using shard_router::tests::watching_gateway;

constexpr std::size_t workers = 2;

class DeadBackends : public shard_router::tests::ControlLoop {
 protected:
  // Two backends of one identity, and a gateway, all of which know each other.
  void start(const std::string& gateways_identity = "fleet:password") {
    auto session = options(std::chrono::seconds(20));  // longer than any of these tests
    session.digest_auth = "fleet:password";
    one_ = std::make_unique<registered_backend>(control_, session, entry("chat-a", "life-1"));
    other_ = std::make_unique<registered_backend>(control_, session, entry("chat-b", "life-1"));
    session.digest_auth = gateways_identity;
    gateway_ = std::make_unique<watching_gateway>(control_, session);
    ASSERT_TRUE(run_until([&] { return names_in(gateway_->shards) == "chat-a chat-b"; }));
    dead_ = std::make_unique<dead_backends>(gateway_->session, gateway_->shards, workers,
                                            [this] { return has_links_; });
  }
  backend_entry entry(const std::string& name, const std::string& instance) const {
    backend_entry made = backend(name);
    made.instance = instance;
    return made;
  }

  void refuse(const std::string& name, const std::string& instance = "life-1") {
    for (std::size_t worker = 0; worker < workers; ++worker)
      dead_->on_refused(worker, entry(name, instance));
  }
  void leave() {
    bool has_left = false;
    one_->registration.close([&](auto) { has_left = true; });
    ASSERT_TRUE(run_until([&] { return has_left; }));
  }
  std::uint64_t count(removal_result result) const {
    return dead_->counts()[static_cast<std::size_t>(result)];
  }
  ::testing::AssertionResult ends_as(removal_result result) {
    return run_until([&] { return count(result) == 1; });
  }
  std::uint64_t all() const {
    std::uint64_t sum = 0;
    for (const std::uint64_t each : dead_->counts())
      sum += each;
    return sum;
  }

  bool has_links_ = true;
  std::unique_ptr<registered_backend> one_;
  std::unique_ptr<registered_backend> other_;
  std::unique_ptr<watching_gateway> gateway_;
  std::unique_ptr<dead_backends> dead_;
};

TEST_F(DeadBackends, ABackendThatLivesRegistersAgainAndIsNotRemovedTwice) {
  ASSERT_NO_FATAL_FAILURE(start());
  refuse("chat-a");
  ASSERT_TRUE(ends_as(removal_result::removed));
  ASSERT_TRUE(run_until([&] {
    return one_->session.counters().registrations_lost == 1 &&
           one_->session.counters().registrations == 2;
  }));
  ASSERT_TRUE(run_until([&] {
    refuse("chat-a");
    return count(removal_result::returned) >= 1;
  }));
  EXPECT_EQ(count(removal_result::removed), 1U);
  EXPECT_EQ(one_->session.counters().registrations_lost, 1U);
}

// The map in force may be older than what ZooKeeper holds.
TEST_F(DeadBackends, OneThatIsGoneAlreadyIsNotMissed) {
  ASSERT_NO_FATAL_FAILURE(start());
  gateway_->watcher.stop();
  leave();
  refuse("chat-a");
  EXPECT_TRUE(ends_as(removal_result::gone));
}

TEST_F(DeadBackends, AnotherProcessThatHasTakenTheNameIsLeftAlone) {
  ASSERT_NO_FATAL_FAILURE(start());
  gateway_->watcher.stop();
  leave();
  auto session = options(std::chrono::seconds(20));
  session.digest_auth = "fleet:password";
  const registered_backend next(control_, session, entry("chat-a", "life-2"));
  ASSERT_TRUE(run_until([&] { return next.session.counters().registrations == 1; }));
  refuse("chat-a");
  EXPECT_TRUE(ends_as(removal_result::changed));
}

TEST_F(DeadBackends, EveryWorkerMustHaveSeenIt) {
  ASSERT_NO_FATAL_FAILURE(start());
  dead_->on_refused(0, entry("chat-a", "life-1"));
  dead_->on_refused(0, entry("chat-a", "life-1"));
  dead_->on_link_up(0, entry("chat-a", "life-1"));
  dead_->on_refused(1, entry("chat-a", "life-1"));
  EXPECT_EQ(all(), 0U);
  dead_->on_refused(0, entry("chat-a", "life-1"));
  EXPECT_TRUE(ends_as(removal_result::removed));
}

TEST_F(DeadBackends, WhoIsNotOnTheMapIsLeftAlone) {
  ASSERT_NO_FATAL_FAILURE(start());
  refuse("chat-a", "life-0");
  refuse("chat-c");
  EXPECT_EQ(all(), 0U) << "the map does not name them";
}

TEST_F(DeadBackends, AGatewayWithoutAnyLinkRemovesNobody) {
  ASSERT_NO_FATAL_FAILURE(start());
  has_links_ = false;
  refuse("chat-a");
  EXPECT_EQ(count(removal_result::alone), 1U);
}

TEST_F(DeadBackends, AnIdentityThatMayNotSaysSo) {
  ASSERT_NO_FATAL_FAILURE(start("gateway:password"));
  refuse("chat-a");
  EXPECT_TRUE(ends_as(removal_result::denied));
}

TEST_F(DeadBackends, WithoutZooKeeperTheSessionDecides) {
  ASSERT_NO_FATAL_FAILURE(start());
  the_zookeeper().kill();
  ASSERT_TRUE(run_until([&] { return gateway_->session.state() != zk_state::connected; }));
  refuse("chat-a");
  EXPECT_EQ(count(removal_result::away), 1U);
  the_zookeeper().restart();
  ASSERT_TRUE(run_until([&] { return gateway_->session.state() == zk_state::connected; }));
}

}  // namespace
}  // namespace presenter::gateway
