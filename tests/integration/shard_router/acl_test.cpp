// With an identity, what we create is everybody's to read and nobody else's to change.
#include <gtest/gtest.h>

#include <string>

#include "base/log_handler.hpp"
#include "shard_router/zk_error.hpp"
#include "shard_router/zk_paths.hpp"
#include "tests/integration/shard_router/control_loop.hpp"

namespace presenter::shard_router::tests {
namespace {

class Acl : public ControlLoop {
 protected:
  zk_session_options options_as(const std::string& identity) const {
    auto made = options();
    made.digest_auth = identity;
    return made;
  }

  void connect(zk_session& session) {
    session.start();
    ASSERT_TRUE(run_until([&] { return session.state() == zk_state::connected; }));
  }

  // The answer to one request: `start` is given the handler.
  template <class Start>
  boost::system::error_code answer(Start start) {
    bool has_come = false;
    boost::system::error_code came;
    start([&](boost::system::error_code code) {
      came = code;
      has_come = true;
    });
    EXPECT_TRUE(run_until([&] { return has_come; }));
    return came;
  }
};

TEST_F(Acl, OthersReadTheMapButChangeNothing) {
  watching_gateway anybody(control_, options());
  registered_backend owner(control_, options_as("chat:secret"), backend("chat-a"));
  registered_backend second(control_, options_as("chat:secret"), backend("chat-b"));
  ASSERT_TRUE(run_until([&] { return names_in(anybody.shards) == "chat-a chat-b"; }));

  zk_session foreign(control_.get_executor(), options_as("mallory:secret"));
  connect(foreign);
  for (zk_session* session : {&foreign, &anybody.session}) {
    EXPECT_EQ(answer([&](auto done) { session->remove(server_path("chat-a"), -1, done); }),
              zk_errc::no_auth);
    EXPECT_EQ(answer([&](auto done) { session->set_data(server_path("chat-a"), "", -1, done); }),
              zk_errc::no_auth);
    EXPECT_EQ(answer([&](auto done) {
                session->create_ephemeral(server_path("chat-c"), R"({"host":"h","port":1})", done);
              }),
              zk_errc::no_auth);
    EXPECT_EQ(answer([&](auto done) {
                session->set_data(std::string(servers_path), "99999999999", -1, done);
              }),
              zk_errc::no_auth);
    EXPECT_EQ(answer([&](auto done) { session->remove(std::string(servers_path), -1, done); }),
              zk_errc::no_auth);
  }

  // Its own changes, and those of the others with its identity, go on.
  backend_entry heavier = owner.registration.self();
  heavier.weight = 300;
  owner.registration.update(heavier);
  ASSERT_TRUE(run_until([&] { return anybody.shards.current()->find("chat-a")->weight == 300; }));
  EXPECT_FALSE(answer([&](auto done) { second.session.remove(server_path("chat-a"), -1, done); }));
  ASSERT_TRUE(run_until([&] { return owner.session.counters().registrations_lost == 1; }));
  ASSERT_TRUE(run_until([&] { return owner.registration.is_registered(); }));
}

TEST_F(Acl, WhoComesFirstDoesNotLockTheOthersOut) {
  zk_session gateway(control_.get_executor(), options_as("gateway:secret"));
  connect(gateway);
  EXPECT_FALSE(answer([&](auto done) { gateway.create_persistent("", done); }));
  registered_backend only(control_, options_as("chat:secret"), backend("chat-a"));
  ASSERT_TRUE(run_until([&] { return only.registration.is_registered(); }));
  EXPECT_EQ(answer([&](auto done) { gateway.remove(server_path("chat-a"), -1, done); }),
            zk_errc::no_auth);
}

// A znode that nobody lets us read stays so for days: one line a minute is enough.
TEST_F(Acl, WhatCannotBeReadIsToldOnceHoweverOftenItIsTried) {
  zk_session owner(control_.get_executor(), options_as("chat:secret"));
  connect(owner);
  EXPECT_FALSE(answer([&](auto done) { owner.create_persistent("", done); }));
  EXPECT_FALSE(
      answer([&](auto done) { owner.create_private(std::string(servers_path), "", done); }));
  std::string said;
  set_log_handler([&said](log_level, std::string_view line) { (said += line) += '\n'; });
  zk_watcher_options often;
  often.retry = std::chrono::milliseconds(10);
  {
    watching_gateway stranger(control_, options(), often);
    EXPECT_TRUE(run_until([&] { return stranger.session.counters().map_read_failures >= 20; }));
  }
  set_log_handler({});
  std::size_t lines = 0;
  for (auto at = said.find("could not be read"); at != said.npos;
       at = said.find("could not be read", at + 1))
    ++lines;
  EXPECT_EQ(lines, 1U) << said;
}

TEST_F(Acl, ALeftoverOfTheSameIdentityIsReplaced) {
  zk_session earlier(control_.get_executor(), options_as("chat:secret"));
  connect(earlier);
  EXPECT_FALSE(
      answer([&](auto done) { earlier.create_persistent(std::string(servers_path), done); }));
  EXPECT_FALSE(answer([&](auto done) {
    earlier.create_ephemeral(server_path("chat-a"), R"({"host":"h","port":1})", done);
  }));
  registered_backend again(control_, options_as("chat:secret"), backend("chat-a"));
  ASSERT_TRUE(run_until([&] { return again.registration.is_registered(); }));
  EXPECT_EQ(again.session.counters().leftovers_replaced, 1u);
}

TEST_F(Acl, WithoutTheIdentityThatOwnsTheFolderNobodyRegisters) {
  registered_backend owner(control_, options_as("chat:secret"), backend("chat-a"));
  ASSERT_TRUE(run_until([&] { return owner.registration.is_registered(); }));
  registered_backend stranger(control_, options(), backend("chat-b"));
  ASSERT_TRUE(run_until([&] { return stranger.session.counters().registration_failures > 0; }));
  EXPECT_FALSE(stranger.registration.is_registered());
}

}  // namespace
}  // namespace presenter::shard_router::tests
