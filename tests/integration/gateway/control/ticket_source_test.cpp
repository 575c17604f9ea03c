// Gateways that share ticket keys through a real ZooKeeper, rotate them, and go on without it.
#include "gateway/control/ticket_source.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "shard_router/zk_paths.hpp"
#include "tests/integration/shard_router/control_loop.hpp"

namespace presenter::gateway {
namespace {

using boost::system::error_code;
using shard_router::zk_session;
using shard_router::zk_stat;
using shard_router::zk_state;
using shard_router::tests::the_zookeeper;
using namespace std::chrono_literals;

const std::string path(shard_router::ticket_keys_path);

// What a gateway has: a session, its source, and the rings its workers got.
struct member {
  member(boost::asio::io_context& control, shard_router::zk_session_options options,
         const tls_config& settings)
      : session(control.get_executor(), std::move(options)), source(control, settings) {
    session.start();
    source.start(&session, [this](const ticket_ring_ptr& ring) { published = ring; });
  }
  ~member() { source.stop(); }

  std::string origin() const { return source.facts().origin; }
  std::array<std::uint8_t, ticket_key::name_bytes> sealing_name() const {
    return source.current()->sealing(ticket_clock_now()).key->name;
  }
  bool opens(const std::array<std::uint8_t, ticket_key::name_bytes>& name) const {
    return source.current()->find(name, ticket_clock_now()) != nullptr;
  }

  zk_session session;
  ticket_ring_ptr published;
  ticket_source source;
};

class TicketSource : public shard_router::tests::ControlLoop {
 protected:
  std::unique_ptr<member> make(const std::string& identity = "gateway:password") {
    auto session = options();
    session.digest_auth = identity;
    return std::make_unique<member>(control_, session, settings_);
  }

  // Two gateways with the fleet's keys.
  void make_two() {
    one_ = make();
    other_ = make();
    ASSERT_TRUE(run_until(
        [&] { return one_->origin() == "zookeeper" && other_->origin() == "zookeeper"; }));
  }

  void write(const std::string& bytes) {
    std::optional<error_code> done;
    one_->session.set_data(path, bytes, -1, [&](error_code failed) { done = failed; });
    ASSERT_TRUE(run_until([&] { return done.has_value(); }));
    ASSERT_FALSE(done->failed()) << done->message();
  }

  std::string read() {
    std::optional<std::string> bytes;
    one_->session.get_data(
        path, [&](error_code, const std::string& data, const zk_stat&) { bytes = data; });
    EXPECT_TRUE(run_until([&] { return bytes.has_value(); }));
    return *bytes;
  }

  void remove() {
    std::optional<error_code> done;
    one_->session.remove(path, -1, [&](error_code failed) { done = failed; });
    ASSERT_TRUE(run_until([&] { return done.has_value(); }));
    ASSERT_FALSE(done->failed()) << done->message();
  }

  tls_config settings_;
  std::unique_ptr<member> one_;
  std::unique_ptr<member> other_;
};

TEST_F(TicketSource, BeginsWithKeysOfItsOwnAndTakesTheFleetsWhenTheyCome) {
  one_ = make();
  EXPECT_EQ(one_->origin(), "random");
  const auto own = one_->sealing_name();
  ASSERT_TRUE(run_until([&] { return one_->origin() == "zookeeper"; }));
  EXPECT_EQ(one_->published, one_->source.current());
  EXPECT_NE(one_->sealing_name(), own);
  EXPECT_TRUE(one_->opens(own)) << "tickets of the first moments";
}

TEST_F(TicketSource, GatewaysThatStartTogetherAgreeOnOneKey) {
  make_two();
  EXPECT_EQ(one_->sealing_name(), other_->sealing_name());
  EXPECT_EQ(one_->source.facts().rotations + other_->source.facts().rotations, 1U);
  EXPECT_TRUE(ticket_keys::decode(read()));
}

// Each period one of them writes; nobody ever seals with what the other cannot open.
TEST_F(TicketSource, TheFleetRotatesAndAGatewayOpensWhatAnotherSeals) {
  settings_.tickets = {8s, 60s};
  make_two();
  const auto first = one_->sealing_name();
  ASSERT_TRUE(run_until([&] {
    EXPECT_TRUE(one_->opens(other_->sealing_name()));
    EXPECT_TRUE(other_->opens(one_->sealing_name()));
    return one_->source.facts().keys >= 3 && one_->sealing_name() != first;
  }));
  EXPECT_TRUE(one_->opens(first));
  // Each of the fleet's keys was made once, by one of the two.
  ASSERT_TRUE(run_until([&] {
    const auto written = ticket_keys::decode(read());
    return written &&
           written->size() == one_->source.facts().rotations + other_->source.facts().rotations;
  }));
}

TEST_F(TicketSource, GarbageIsRefusedAndTheLastKeysStay) {
  make_two();
  const auto before = other_->sealing_name();
  const std::string good = read();
  write("garbage");
  ASSERT_TRUE(run_until([&] { return other_->source.facts().refusals == 1; }));
  EXPECT_EQ(other_->sealing_name(), before);
  EXPECT_EQ(other_->origin(), "zookeeper");
  EXPECT_EQ(read(), "garbage") << "nobody overwrites what may be a newer gateway's";

  write(good);
  const auto third = make();
  ASSERT_TRUE(run_until([&] { return third->origin() == "zookeeper"; }));
  EXPECT_EQ(third->sealing_name(), before);
}

TEST_F(TicketSource, ADeletedNodeComesBackWithTheKeysItHad) {
  make_two();
  const std::string before = read();
  remove();
  ASSERT_TRUE(run_until(
      [&] { return one_->source.facts().rotations + other_->source.facts().rotations == 2; }));
  EXPECT_EQ(read(), before);
}

TEST_F(TicketSource, KeysInTheOpenAreNotUsed) {
  zk_session stranger(control_.get_executor(), options());
  stranger.start();
  ASSERT_TRUE(run_until([&] { return stranger.state() == zk_state::connected; }));
  bool is_there = false;
  stranger.create_persistent(path, [&](error_code) {
    stranger.set_data(path, ticket_keys::first(ticket_clock_now(), {}).encode(), -1,
                      [&](error_code failed) { is_there = !failed; });
  });
  ASSERT_TRUE(run_until([&] { return is_there; }));
  one_ = make();
  ASSERT_TRUE(run_until([&] { return one_->source.facts().refusals >= 1; }));
  EXPECT_EQ(one_->origin(), "random");
}

TEST_F(TicketSource, AGatewayOfAnotherIdentityKeepsItsOwnKeys) {
  make_two();
  const auto stranger = make("gateway:wrong");
  ASSERT_TRUE(run_until([&] { return stranger->source.facts().refusals >= 1; }));
  EXPECT_EQ(stranger->origin(), "random");
}

TEST_F(TicketSource, CutOffItSealsWithTheLastKeysUntilTheyAgeOutThenWithItsOwn) {
  settings_.tickets = {1s, 3s};
  make_two();
  the_zookeeper().kill();
  ASSERT_TRUE(run_until([&] { return one_->session.state() != zk_state::connected; }));
  ASSERT_TRUE(run_until([&] { return one_->origin() == "random"; }));
  the_zookeeper().restart();
  ASSERT_TRUE(
      run_until([&] { return one_->origin() == "zookeeper" && other_->origin() == "zookeeper"; }));
}

TEST_F(TicketSource, WithoutZooKeeperItsOwnKeysRotate) {
  settings_.tickets = {1s, 4s};
  ticket_source alone(control_, settings_);
  alone.start(nullptr, [](const ticket_ring_ptr&) {});
  const auto first = alone.current()->sealing(ticket_clock_now()).key->name;
  ASSERT_TRUE(run_until([&] { return alone.facts().keys >= 3; }));
  EXPECT_EQ(alone.facts().origin, "random");
  EXPECT_EQ(alone.facts().rotations, 0U);
  EXPECT_NE(alone.current()->sealing(ticket_clock_now()).key->name, first);
  alone.stop();
}

}  // namespace
}  // namespace presenter::gateway
