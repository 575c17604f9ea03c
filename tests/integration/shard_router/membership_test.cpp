// Backends come, change and go, and the gateway's map follows.
#include <gtest/gtest.h>

#include <memory>

#include "tests/integration/shard_router/control_loop.hpp"
#include "tests/support/child_process.hpp"

namespace presenter::shard_router::tests {
namespace {

using Membership = ControlLoop;

TEST_F(Membership, AnEmptyFleetIsAMapToo) {
  watching_gateway gateway(control_, options());
  ASSERT_TRUE(run_until([&] { return gateway.shards.current() != nullptr; }));
  EXPECT_EQ(names_in(gateway.shards), "");
  EXPECT_EQ(gateway.shards.current()->owner("couple"), nullptr);
}

TEST_F(Membership, FollowsJoinAndLeave) {
  watching_gateway gateway(control_, options());
  registered_backend first(control_, options(), backend("chat-a", 7001));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a"; }));
  const std::int64_t epoch_of_one = gateway.shards.current()->epoch();
  EXPECT_GT(epoch_of_one, 0);

  registered_backend second(control_, options(), backend("chat-b", 7002));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a chat-b"; }));
  EXPECT_GT(gateway.shards.current()->epoch(), epoch_of_one);
  EXPECT_EQ(gateway.shards.current()->find("chat-b")->port, 7002);
  EXPECT_EQ(gateway.shards.current()->find("chat-b")->instance,
            second.registration.self().instance);

  bool is_closed = false;
  second.registration.close([&](boost::system::error_code failed) {
    EXPECT_FALSE(failed) << failed.message();
    is_closed = true;
  });
  ASSERT_TRUE(run_until([&] { return is_closed && names_in(gateway.shards) == "chat-a"; }));
  EXPECT_EQ(second.session.state(), zk_state::connected);
  EXPECT_EQ(gateway.session.counters().maps_held, 0u);
}

TEST_F(Membership, EveryGatewayHasTheSameMapForAnEpoch) {
  watching_gateway one(control_, options());
  watching_gateway other(control_, options());
  registered_backend first(control_, options(), backend("chat-a"));
  registered_backend second(control_, options(), backend("chat-b"));
  registered_backend third(control_, options(), backend("chat-c"));
  const std::string all = "chat-a chat-b chat-c";
  ASSERT_TRUE(
      run_until([&] { return names_in(one.shards) == all && names_in(other.shards) == all; }));
  EXPECT_EQ(one.shards.current()->epoch(), other.shards.current()->epoch());
  EXPECT_EQ(one.shards.current()->servers(), other.shards.current()->servers());
}

TEST_F(Membership, WeightAndDrainingAreFollowed) {
  watching_gateway gateway(control_, options());
  registered_backend first(control_, options(), backend("chat-a"));
  registered_backend second(control_, options(), backend("chat-b"));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a chat-b"; }));
  const std::int64_t epoch_before = gateway.shards.current()->epoch();

  server heavier = second.registration.self();
  heavier.weight = 300;
  second.registration.update(heavier);
  ASSERT_TRUE(run_until([&] { return gateway.shards.current()->find("chat-b")->weight == 300; }));
  EXPECT_GT(gateway.shards.current()->epoch(), epoch_before);
  EXPECT_GT(gateway.shards.current()->share("chat-b"), 0.6);

  heavier.state = server_state::draining;
  second.registration.update(heavier);
  ASSERT_TRUE(run_until([&] { return gateway.shards.current()->share("chat-b") == 0; }));
  EXPECT_EQ(names_in(gateway.shards), "chat-a chat-b");
  EXPECT_EQ(gateway.shards.current()->owner("couple")->name, "chat-a");
  EXPECT_EQ(second.session.counters().registrations, 1u);
}

TEST_F(Membership, TheLastOfSeveralUpdatesCounts) {
  watching_gateway gateway(control_, options());
  registered_backend only(control_, options(), backend("chat-a"));
  server self = only.registration.self();
  for (std::int64_t weight = 1; weight <= 50; ++weight) {
    self.weight = weight;
    only.registration.update(self);
  }
  ASSERT_TRUE(run_until([&] {
    return names_in(gateway.shards) == "chat-a" && only.registration.is_registered() &&
           gateway.shards.current()->find("chat-a")->weight == 50;
  }));
}

// kill -9 of one of three, with a session timeout of a second: the map follows by itself.
TEST_F(Membership, ACrashIsSeen) {
  watching_gateway gateway(control_, options());
  registered_backend first(control_, options(), backend("chat-a"));
  registered_backend second(control_, options(), backend("chat-b"));
  presenter::tests::child_process crashing(
      {REGISTRANT, the_zookeeper().address() + chroot_, "chat-c"});
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a chat-b chat-c"; }));
  crashing.kill();
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a chat-b"; }));
  EXPECT_EQ(gateway.session.counters().maps_held, 0u);
}

TEST_F(Membership, EntriesThatCannotBeReadAreLeftOut) {
  watching_gateway gateway(control_, options());
  registered_backend good(control_, options(), backend("chat-a"));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a"; }));

  unsigned created = 0;
  const auto count = [&](boost::system::error_code failed) { created += failed ? 0 : 1; };
  good.session.create_ephemeral("/servers/no-json", "{", count);
  good.session.create_ephemeral("/servers/no-port", R"({"host":"h"})", count);
  good.session.create_ephemeral("/servers/too-large", std::string(5'000, ' '), count);
  good.session.create_ephemeral("/servers/bad name", R"({"host":"h","port":1})", count);
  good.session.create_ephemeral("/servers/empty", "", count);
  good.session.create_ephemeral("/servers/chat-b", R"({"host":"h","port":1,"later":[]})", count);
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a chat-b"; }));
  EXPECT_EQ(created, 6u);
  EXPECT_EQ(gateway.session.counters().children_rejected, 5u);

  // Mended in place.
  good.session.set_data("/servers/no-port", R"({"host":"h","port":2})", -1, count);
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a chat-b no-port"; }));
}

TEST_F(Membership, MostOfTheFleetGoneAtOnceIsHeldAndThenBelieved) {
  zk_watcher_options watcher_options;
  watcher_options.hold = std::chrono::milliseconds(700);
  watching_gateway gateway(control_, options(), watcher_options);
  registered_backend staying(control_, options(), backend("chat-a"));
  auto going = std::make_unique<zk_session>(control_.get_executor(), options());
  going->start();
  ASSERT_TRUE(run_until([&] { return going->state() == zk_state::connected; }));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a"; }));
  for (const char* name : {"chat-b", "chat-c", "chat-d"}) {
    going->create_ephemeral(std::string("/servers/") + name, R"({"host":"h","port":1})",
                            [](boost::system::error_code failed) { EXPECT_FALSE(failed); });
  }
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a chat-b chat-c chat-d"; }));

  going.reset();
  ASSERT_TRUE(run_until([&] { return gateway.session.counters().maps_held == 1; }));
  EXPECT_EQ(names_in(gateway.shards), "chat-a chat-b chat-c chat-d");
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a"; }));
  EXPECT_EQ(gateway.session.counters().maps_held, 1u);
}

TEST_F(Membership, AFleetOfAThousand) {
  watching_gateway gateway(control_, options());
  registered_backend one(control_, options(), backend("chat-a"));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a"; }));
  for (int number = 1; number < 1'000; ++number) {
    one.session.create_ephemeral("/servers/chat-" + std::to_string(number),
                                 R"({"host":"h","port":1})",
                                 [](boost::system::error_code failed) { EXPECT_FALSE(failed); });
  }
  ASSERT_TRUE(run_until([&] { return gateway.shards.current()->servers().size() == 1'000; }));
}

}  // namespace
}  // namespace presenter::shard_router::tests
