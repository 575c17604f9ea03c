// What the tests of shard_router run on: one io_context, turned by the test until what it waits for
// is true; the deadline is a limit for a broken run and measures nothing.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <string>

#include "shard_router/router.hpp"
#include "shard_router/zk_registration.hpp"
#include "shard_router/zk_session.hpp"
#include "shard_router/zk_watcher.hpp"
#include "tests/support/io_turns.hpp"
#include "tests/support/zookeeper_server.hpp"

namespace presenter::shard_router::tests {

// One ZooKeeper for all tests of the program, started by the first; each test has its own chroot.
presenter::tests::zookeeper_server& the_zookeeper();

class ControlLoop : public ::testing::Test {
 protected:
  ControlLoop();

  // Turns the loop until `is_true()`.
  [[nodiscard]] ::testing::AssertionResult run_until(const std::function<bool()>& is_true) {
    return presenter::tests::run_until(control_, is_true);
  }

  // Short enough that a crash is seen soon, long enough for a process that waits for its turn.
  zk_session_options options(std::chrono::milliseconds timeout = std::chrono::seconds(3)) const;

  static backend_entry backend(const std::string& name, std::uint16_t port = 7000);

  // "chat-a chat-b": the names in the router's map; "none": no map yet.
  static std::string names_in(const router& router);

  boost::asio::io_context control_;
  std::string chroot_;  // two levels, neither of which exists when the test begins
};

// A session of its own and one registration: what a backend has.
struct registered_backend {
  registered_backend(boost::asio::io_context& control, zk_session_options options,
                     backend_entry self)
      : session(control.get_executor(), std::move(options)),
        registration(session, std::move(self)) {
    session.start();
    registration.start();
  }
  zk_session session;
  zk_registration registration;
};

// A session, a watcher and a router: what a gateway has.
struct watching_gateway {
  watching_gateway(boost::asio::io_context& control, zk_session_options options,
                   zk_watcher_options watcher_options = {})
      : session(control.get_executor(), std::move(options)),
        watcher(session, shards, std::move(watcher_options)) {
    watcher.start();
    session.start();
  }
  router shards;
  zk_session session;
  zk_watcher watcher;
};

}  // namespace presenter::shard_router::tests
