// Sessions expire, nodes vanish, leftovers stand in the way, ZooKeeper dies and returns.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <memory>

#include "shard_router/errc.hpp"
#include "shard_router/zk_paths.hpp"
#include "tests/integration/shard_router/control_loop.hpp"

namespace presenter::shard_router::tests {
namespace {

class Outage : public ControlLoop {
 protected:
  void expire(const zk_session& session) {
    const zk_credentials& own = session.credentials();
    the_zookeeper().end_session(own.session_id, own.password);
  }

  // The session that owns the node; 0: none.
  std::int64_t owner_of(zk_session& through, const std::string& name) {
    std::int64_t owner = -1;
    through.get_data(server_path(name), [&](boost::system::error_code, const std::string&,
                                            const zk_stat& stat) { owner = stat.ephemeral_owner; });
    EXPECT_TRUE(run_until([&] { return owner != -1; }));
    return owner;
  }
};

TEST_F(Outage, AnExpiredBackendRegistersAgainExactlyOnce) {
  watching_gateway gateway(control_, options());
  registered_backend first(control_, options(), backend("chat-a"));
  registered_backend second(control_, options(), backend("chat-b"));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a chat-b"; }));
  const std::int64_t old_session = second.session.credentials().session_id;

  expire(second.session);
  ASSERT_TRUE(run_until([&] {
    return second.session.counters().sessions_expired == 1 && second.registration.is_registered() &&
           names_in(gateway.shards) == "chat-a chat-b";
  }));
  EXPECT_NE(second.session.credentials().session_id, old_session);
  EXPECT_EQ(owner_of(gateway.session, "chat-b"), second.session.credentials().session_id);
  EXPECT_EQ(second.session.counters().registrations, 2u);
  EXPECT_EQ(second.session.counters().sessions_opened, 2u);
}

TEST_F(Outage, AnExpiredGatewayReadsEverythingAgain) {
  watching_gateway gateway(control_, options());
  registered_backend first(control_, options(), backend("chat-a"));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a"; }));
  const shard_map_ptr before = gateway.shards.current();
  bool has_expired = false;
  gateway.shards.subscribe([&](const shard_map_ptr& map) {
    EXPECT_FALSE(map->backends().empty());
    has_expired = gateway.session.counters().sessions_expired == 1;
  });

  expire(gateway.session);
  ASSERT_TRUE(run_until([&] { return gateway.session.state() == zk_state::expired; }));
  EXPECT_EQ(gateway.shards.current(), before);
  registered_backend second(control_, options(), backend("chat-b"));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a chat-b"; }));
  EXPECT_TRUE(has_expired);

  // And its watches are there again.
  registered_backend third(control_, options(), backend("chat-c"));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a chat-b chat-c"; }));
}

TEST_F(Outage, ALeftoverOfAnotherSessionIsReplaced) {
  zk_session earlier(control_.get_executor(), options(std::chrono::seconds(30)));
  earlier.start();
  bool is_there = false;
  ASSERT_TRUE(run_until([&] { return earlier.state() == zk_state::connected; }));
  earlier.create_persistent("/servers", [&](boost::system::error_code failed) {
    EXPECT_FALSE(failed) << failed.message();
    earlier.create_ephemeral("/servers/chat-a", R"({"host":"old","port":1,"instance":"old"})",
                             [&](boost::system::error_code) { is_there = true; });
  });
  ASSERT_TRUE(run_until([&] { return is_there; }));

  watching_gateway gateway(control_, options());
  registered_backend again(control_, options(), backend("chat-a", 7009));
  ASSERT_TRUE(run_until([&] {
    return again.registration.is_registered() && names_in(gateway.shards) == "chat-a" &&
           gateway.shards.current()->find("chat-a")->port == 7009;
  }));
  EXPECT_EQ(owner_of(earlier, "chat-a"), again.session.credentials().session_id);
  EXPECT_EQ(again.session.counters().leftovers_replaced, 1u);

  // The end of the old session takes nothing away.
  earlier.close();
  EXPECT_EQ(owner_of(again.session, "chat-a"), again.session.credentials().session_id);
}

TEST_F(Outage, OfTwoProcessesWithOneNameTheNewerHasIt) {
  watching_gateway gateway(control_, options());
  registered_backend older(control_, options(), backend("chat-a", 7001));
  ASSERT_TRUE(run_until([&] { return older.registration.is_registered(); }));
  registered_backend newer(control_, options(), backend("chat-a", 7002));
  ASSERT_TRUE(run_until([&] {
    return newer.registration.is_registered() && older.session.counters().names_taken == 1;
  }));
  EXPECT_FALSE(older.registration.is_registered());

  bool is_closed = false;
  newer.registration.close([&](boost::system::error_code) { is_closed = true; });
  ASSERT_TRUE(run_until([&] { return is_closed && older.registration.is_registered(); }));
  EXPECT_EQ(owner_of(gateway.session, "chat-a"), older.session.credentials().session_id);
}

TEST_F(Outage, ADeletedNodeIsCreatedAgain) {
  watching_gateway gateway(control_, options());
  registered_backend only(control_, options(), backend("chat-a"));
  // The gateway's session, which deletes the node below, is connected once it has seen it.
  ASSERT_TRUE(run_until(
      [&] { return only.registration.is_registered() && names_in(gateway.shards) == "chat-a"; }));
  for (std::uint64_t round = 1; round <= 3; ++round) {
    gateway.session.remove(server_path("chat-a"), -1,
                           [](boost::system::error_code failed) { EXPECT_FALSE(failed); });
    ASSERT_TRUE(run_until([&] {
      return only.session.counters().registrations_lost == round &&
             only.registration.is_registered();
    }));
  }
  EXPECT_EQ(only.session.counters().registrations, 4u);
  EXPECT_EQ(owner_of(gateway.session, "chat-a"), only.session.credentials().session_id);
}

TEST_F(Outage, TheLastMapStaysWhileZooKeeperIsDeadAndFollowsAfterwards) {
  watching_gateway gateway(control_, options());
  // Long sessions: they outlive the outage, as a fleet's should.
  registered_backend first(control_, options(std::chrono::seconds(30)), backend("chat-a"));
  registered_backend second(control_, options(std::chrono::seconds(30)), backend("chat-b"));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a chat-b"; }));
  const shard_map_ptr before = gateway.shards.current();

  the_zookeeper().kill();
  ASSERT_TRUE(run_until([&] {
    return !gateway.session.counters().connected && !first.session.counters().connected;
  }));
  EXPECT_EQ(gateway.shards.current(), before);
  the_zookeeper().restart();

  registered_backend third(control_, options(), backend("chat-c"));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a chat-b chat-c"; }));
  ASSERT_TRUE(run_until([&] { return first.session.state() == zk_state::connected; }));
  EXPECT_EQ(first.session.counters().registrations, 1u);
  EXPECT_EQ(first.session.counters().sessions_opened, 1u);
}

TEST_F(Outage, AFrozenZooKeeperIsNoticedAndFollowedAgain) {
  watching_gateway gateway(control_, options());
  registered_backend only(control_, options(), backend("chat-a"));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a"; }));
  the_zookeeper().pause();
  ASSERT_TRUE(run_until([&] { return gateway.session.state() == zk_state::connecting; }));
  EXPECT_EQ(names_in(gateway.shards), "chat-a");
  the_zookeeper().resume();
  backend_entry heavier = only.registration.self();
  heavier.weight = 200;
  only.registration.update(heavier);
  ASSERT_TRUE(run_until([&] {
    const backend_entry* seen = gateway.shards.current()->find("chat-a");
    return seen != nullptr && seen->weight == 200;
  }));
}

TEST_F(Outage, StartsFromTheSavedMapWithoutZooKeeper) {
  zk_watcher_options watcher_options;
  watcher_options.saved_map =
      std::filesystem::temp_directory_path() / ("presenter-map-" + std::to_string(::getpid()));
  shard_map_ptr before;
  {
    watching_gateway gateway(control_, options(), watcher_options);
    registered_backend only(control_, options(), backend("chat-a"));
    ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a"; }));
    before = gateway.shards.current();
  }
  auto nobody_there = options();
  nobody_there.address.servers = "127.0.0.1:1";
  watching_gateway later(control_, nobody_there, watcher_options);
  std::filesystem::remove(watcher_options.saved_map);
  EXPECT_EQ(names_in(later.shards), "chat-a");
  EXPECT_EQ(later.shards.current()->epoch(), before->epoch());
  EXPECT_EQ(later.shards.current()->backends(), before->backends());
}

TEST_F(Outage, AnAddressThatCannotBeUsedIsTriedAgain) {
  auto unusable = options();
  unusable.address.servers = "127.0.0.1:0";
  unusable.reopen_max = unusable.reopen_min;
  zk_session session(control_.get_executor(), unusable);
  session.start();
  ASSERT_TRUE(run_until([&] { return session.counters().open_failures >= 3; }));
}

TEST_F(Outage, NobodyIsCalledByASessionThatHasEnded) {
  auto session = std::make_unique<zk_session>(control_.get_executor(), options());
  session->start();
  ASSERT_TRUE(run_until([&] { return session->state() == zk_state::connected; }));
  int calls = 0;
  const auto count = [&](boost::system::error_code, const std::string&, const zk_stat&) {
    ++calls;
  };
  for (int request = 0; request < 100; ++request)
    session->get_data("/servers", count);
  session->close();
  session->get_data("/servers", count);
  session.reset();
  // The loop has nothing left to do: every handler that could come would have.
  control_.restart();
  control_.run();
  EXPECT_EQ(calls, 0);
}

TEST_F(Outage, ClosingWithoutAServerEndsAtOnce) {
  auto nobody_there = options();
  nobody_there.address.servers = "127.0.0.1:1";
  registered_backend only(control_, nobody_there, backend("chat-a"));
  boost::system::error_code failed;
  only.registration.close([&](boost::system::error_code code) { failed = code; });
  ASSERT_TRUE(run_until([&] { return failed.failed(); }));
  EXPECT_EQ(failed, errc::disconnected);
}

}  // namespace
}  // namespace presenter::shard_router::tests
