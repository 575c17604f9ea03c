// Backends come, change and go, and the gateway's map follows.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "shard_router/shard_map_codec.hpp"
#include "shard_router/zk_paths.hpp"
#include "tests/integration/shard_router/control_loop.hpp"
#include "tests/support/child_process.hpp"

namespace presenter::shard_router::tests {
namespace {

using Membership = ControlLoop;

TEST_F(Membership, AFleetOfNobodyIsNoMap) {
  watching_gateway gateway(control_, options());
  ASSERT_TRUE(run_until([&] { return gateway.session.counters().map_reads > 0; }));
  auto draining = backend("chat-a");
  draining.state = backend_state::draining;
  registered_backend only(control_, options(), draining);
  ASSERT_TRUE(run_until([&] { return only.registration.is_registered(); }));
  const auto reads = gateway.session.counters().map_reads.load();
  only.registration.update(draining);
  auto other = draining;
  other.port = 7001;
  only.registration.update(other);
  ASSERT_TRUE(run_until([&] { return gateway.session.counters().map_reads > reads; }));
  EXPECT_EQ(names_in(gateway.shards), "none");
  EXPECT_EQ(gateway.watcher.held(), nullptr);
  EXPECT_EQ(gateway.session.counters().maps_held, 0u);
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
  EXPECT_EQ(one.shards.current()->backends(), other.shards.current()->backends());
}

TEST_F(Membership, WeightAndDrainingAreFollowed) {
  watching_gateway gateway(control_, options());
  registered_backend first(control_, options(), backend("chat-a"));
  registered_backend second(control_, options(), backend("chat-b"));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a chat-b"; }));
  const std::int64_t epoch_before = gateway.shards.current()->epoch();

  backend_entry heavier = second.registration.self();
  heavier.weight = 300;
  second.registration.update(heavier);
  ASSERT_TRUE(run_until([&] { return gateway.shards.current()->find("chat-b")->weight == 300; }));
  EXPECT_GT(gateway.shards.current()->epoch(), epoch_before);
  EXPECT_GT(gateway.shards.current()->share("chat-b"), 0.6);

  heavier.state = backend_state::draining;
  second.registration.update(heavier);
  ASSERT_TRUE(run_until([&] { return gateway.shards.current()->share("chat-b") == 0; }));
  EXPECT_EQ(names_in(gateway.shards), "chat-a chat-b");
  EXPECT_EQ(gateway.shards.current()->owner("couple")->name, "chat-a");
  EXPECT_EQ(second.session.counters().registrations, 1u);
}

// What an operator writes into a server's node, against its version.
void order(zk_session& session, const std::string& name, backend_state state) {
  session.get_data(
      "/servers/" + name, [&session, name, state](boost::system::error_code failed,
                                                  const std::string& data, const zk_stat& stat) {
        ASSERT_FALSE(failed) << failed.message();
        backend_entry found = decode_backend(name, data).value();
        found.state = state;
        session.set_data("/servers/" + name, encode_backend(found), stat.version,
                         [](boost::system::error_code refused) { EXPECT_FALSE(refused); });
      });
}

TEST_F(Membership, AnOrderToDrainStandsUntilItIsTakenBack) {
  watching_gateway gateway(control_, options());
  // A map needs somebody who is up.
  registered_backend other(control_, options(), backend("chat-b"));
  registered_backend only(control_, options(), backend("chat-a"));
  std::vector<backend_state> told;
  only.registration.set_state_handler([&](backend_state state) { told.push_back(state); });
  // The gateway's session writes the order: it has connected once it has the map.
  ASSERT_TRUE(run_until([&] {
    return only.registration.is_registered() && names_in(gateway.shards) == "chat-a chat-b";
  }));

  order(gateway.session, "chat-a", backend_state::draining);
  ASSERT_TRUE(run_until([&] { return told == std::vector{backend_state::draining}; }));
  const auto state_seen = [&] {
    const auto& map = gateway.shards.current();
    const backend_entry* found = map == nullptr ? nullptr : map->find("chat-a");
    return found == nullptr ? std::nullopt : std::optional(found->state);
  };
  ASSERT_TRUE(run_until([&] { return state_seen() == backend_state::draining; }));

  // A change of its own does not undo it, nor does a new session.
  backend_entry heavier = only.registration.self();
  heavier.state = backend_state::up;
  heavier.weight = 300;
  only.registration.update(heavier);
  ASSERT_TRUE(run_until([&] { return gateway.shards.current()->find("chat-a")->weight == 300; }));
  EXPECT_EQ(state_seen(), backend_state::draining);
  const auto before = only.session.credentials().session_id;
  the_zookeeper().end_session(before, only.session.credentials().password);
  ASSERT_TRUE(run_until([&] {
    return only.session.credentials().session_id != before && only.registration.is_registered();
  }));
  ASSERT_TRUE(run_until([&] { return state_seen() == backend_state::draining; }));
  EXPECT_EQ(only.registration.self().weight, 300);

  order(gateway.session, "chat-a", backend_state::up);
  ASSERT_TRUE(run_until([&] { return state_seen() == backend_state::up; }));
  EXPECT_EQ(told, (std::vector{backend_state::draining, backend_state::up}));
}

TEST_F(Membership, AServerThatEndsDrainsWhateverItIsOrdered) {
  watching_gateway gateway(control_, options());
  // A map needs somebody who is up.
  registered_backend other(control_, options(), backend("chat-b"));
  registered_backend only(control_, options(), backend("chat-a"));
  ASSERT_TRUE(run_until([&] { return only.registration.is_registered(); }));
  backend_entry ending = only.registration.self();
  ending.state = backend_state::draining;
  only.registration.update(ending);
  const auto is_draining = [&] {
    const auto& map = gateway.shards.current();
    return map != nullptr && map->find("chat-a") != nullptr &&
           map->find("chat-a")->state == backend_state::draining;
  };
  ASSERT_TRUE(run_until(is_draining));
  const std::int64_t epoch = gateway.shards.current()->epoch();
  order(gateway.session, "chat-a", backend_state::up);
  ASSERT_TRUE(
      run_until([&] { return gateway.shards.current()->epoch() > epoch && is_draining(); }));
}

TEST_F(Membership, TheLastOfSeveralUpdatesCounts) {
  watching_gateway gateway(control_, options());
  registered_backend only(control_, options(), backend("chat-a"));
  backend_entry self = only.registration.self();
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

// Three that stay and a session with three more, which end with it.
class MassDrop : public ControlLoop {
 protected:
  void start(std::chrono::milliseconds hold) {
    zk_watcher_options watching;
    watching.hold = hold;
    gateway_.emplace(control_, options(), watching);
    staying_.emplace(control_, options(), backend("chat-a"));
    going_.emplace(control_.get_executor(), options());
    going_->start();
    ASSERT_TRUE(run_until([&] {
      return going_->state() == zk_state::connected && names_in(gateway_->shards) == "chat-a";
    }));
    for (const char* name : {"chat-b", "chat-c", "chat-d"}) {
      going_->create_ephemeral(server_path(name), R"({"host":"h","port":1})",
                               [](boost::system::error_code failed) { EXPECT_FALSE(failed); });
    }
    ASSERT_TRUE(run_until([&] { return names_in(gateway_->shards) == all_; }));
    gateway_->shards.subscribe([](const shard_map_ptr& map) { EXPECT_GT(map->backends_up(), 0u); });
  }

  shard_counters& counters() { return gateway_->session.counters(); }

  const std::string all_ = "chat-a chat-b chat-c chat-d";
  std::optional<watching_gateway> gateway_;
  std::optional<registered_backend> staying_;
  std::optional<zk_session> going_;
};

TEST_F(MassDrop, IsHeldAndThenBelieved) {
  start(std::chrono::milliseconds(700));
  going_.reset();
  ASSERT_TRUE(run_until([&] { return gateway_->watcher.held() != nullptr; }));
  EXPECT_EQ(names_in(gateway_->shards), all_);
  EXPECT_EQ(gateway_->watcher.held()->backends().size(), 1u);
  ASSERT_TRUE(run_until([&] { return names_in(gateway_->shards) == "chat-a"; }));
  EXPECT_EQ(counters().maps_held, 1u);
  EXPECT_EQ(gateway_->watcher.held(), nullptr);
}

TEST_F(MassDrop, IsBelievedWhenAnOperatorConfirmsItsEpoch) {
  start(std::chrono::hours(1));
  going_.reset();
  ASSERT_TRUE(run_until([&] { return gateway_->watcher.held() != nullptr; }));
  const auto confirm = [&](const std::string& text) {
    const auto reads = counters().map_reads.load();
    gateway_->session.set_data(std::string(servers_path), text, -1,
                               [](boost::system::error_code failed) { EXPECT_FALSE(failed); });
    ASSERT_TRUE(run_until([&] { return counters().map_reads > reads; }));
  };
  const std::int64_t epoch = gateway_->watcher.held()->epoch();
  confirm("yes");
  confirm(std::to_string(epoch) + "0 ");
  confirm(std::to_string(epoch - 1));
  EXPECT_EQ(names_in(gateway_->shards), all_);
  confirm(std::to_string(epoch));
  ASSERT_TRUE(run_until([&] { return names_in(gateway_->shards) == "chat-a"; }));
  EXPECT_EQ(gateway_->shards.current()->epoch(), epoch);
}

TEST_F(MassDrop, OfEverybodyIsNeverBelieved) {
  start(std::chrono::milliseconds(1));
  bool is_closed = false;
  staying_->registration.close([&](boost::system::error_code) { is_closed = true; });
  going_.reset();
  ASSERT_TRUE(run_until([&] {
    return is_closed && gateway_->watcher.held() != nullptr &&
           gateway_->watcher.held()->backends().empty();
  }));
  const shard_map_ptr last = gateway_->shards.current();
  EXPECT_GT(last->backends_up(), 0u);

  // Nor when the whole folder goes; and it ends when somebody is there.
  const auto reads = counters().map_reads.load();
  gateway_->session.remove(std::string(servers_path), -1,
                           [](boost::system::error_code failed) { EXPECT_FALSE(failed); });
  ASSERT_TRUE(run_until([&] { return counters().map_reads > reads; }));
  registered_backend next(control_, options(), backend("chat-e"));
  ASSERT_TRUE(run_until([&] { return names_in(gateway_->shards) == "chat-e"; }));
  EXPECT_EQ(gateway_->watcher.held(), nullptr);
}

// Its own backend writes it again; until then, and for `mend` at the most, the map waits.
TEST_F(Membership, AnEntryOverwrittenWithNonsenseIsMended) {
  watching_gateway gateway(control_, options());
  registered_backend first(control_, options(), backend("chat-a"));
  registered_backend second(control_, options(), backend("chat-b"));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a chat-b"; }));
  gateway.shards.subscribe([](const shard_map_ptr& map) { EXPECT_EQ(map->backends().size(), 2u); });
  const std::int64_t epoch = gateway.shards.current()->epoch();
  gateway.session.set_data(server_path("chat-a"), "nonsense", -1,
                           [](boost::system::error_code failed) { EXPECT_FALSE(failed); });
  ASSERT_TRUE(run_until([&] { return gateway.shards.current()->epoch() > epoch; }));
  EXPECT_EQ(gateway.session.counters().maps_held, 0u);
}

TEST_F(Membership, AnEntryThatNobodyMendsIsLeftOut) {
  zk_watcher_options watching;
  watching.mend = std::chrono::milliseconds(300);
  watching_gateway gateway(control_, options(), watching);
  registered_backend first(control_, options(), backend("chat-a"));
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a"; }));
  bool is_written = false;
  first.session.create_ephemeral(server_path("chat-b"), R"({"host":"h","port":1})",
                                 [](boost::system::error_code failed) { EXPECT_FALSE(failed); });
  ASSERT_TRUE(run_until([&] { return names_in(gateway.shards) == "chat-a chat-b"; }));
  first.session.set_data(server_path("chat-b"), "nonsense", -1,
                         [&](boost::system::error_code) { is_written = true; });
  ASSERT_TRUE(run_until([&] { return is_written && names_in(gateway.shards) == "chat-a"; }));
  EXPECT_EQ(gateway.session.counters().children_rejected, 1u);
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
  ASSERT_TRUE(run_until([&] { return gateway.shards.current()->backends().size() == 1'000; }));
}

}  // namespace
}  // namespace presenter::shard_router::tests
