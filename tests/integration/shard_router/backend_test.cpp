// A backend of the SDK in the fleet: several threads under one name, and how it leaves.
#include <gtest/gtest.h>

#include <algorithm>
#include <list>
#include <string>
#include <thread>
#include <vector>

#include "base/log_handler.hpp"
#include "protocol/backend_sdk/departure.hpp"
#include "tests/integration/shard_router/control_loop.hpp"
#include "tests/unit/protocol/backend_sdk/sdk_fixture.hpp"

namespace presenter::shard_router::tests {
namespace {

namespace asio = boost::asio;
namespace sdk = presenter::protocol;
using boost::system::error_code;
using protocol::test::gateway_stream;
using protocol::test::test_gateway;

// One thread's part of a backend: keeps the streams that it accepts. Confined to that thread.
struct part {
  part(asio::io_context& io, const asio::ip::tcp::endpoint& endpoint, const sdk::backend& member)
      : acceptor(io, endpoint, {.node = "chat-a", .shares_port = true, .fence = member.fence()}) {
    accept();
  }
  void accept() {
    acceptor.async_accept([this](error_code failed, sdk::mux_stream stream) {
      if (failed) return;
      streams.push_back(std::move(stream));
      accept();
    });
  }

  sdk::mux_acceptor acceptor;
  std::list<sdk::mux_stream> streams;
};

// What the SDK says meanwhile, at `info` and above.
class FleetBackend : public ControlLoop {
 protected:
  FleetBackend() {
    set_log_handler([this](log_level level, std::string_view line) {
      said_.emplace_back(level == log_level::warning ? "warning: " : "").append(line);
    });
  }
  ~FleetBackend() override { set_log_handler({}); }

  bool has_said(const std::string& text) const {
    return std::any_of(said_.begin(), said_.end(), [&text](const std::string& line) {
      return line.find(text) != std::string::npos;
    });
  }

  std::vector<std::string> said_;
};

TEST_F(FleetBackend, OfTwoThreadsIsOneInTheMapAndLeavesWithBoth) {
  asio::io_context other;
  sdk::backend_options settings;
  settings.zookeeper = options().address.servers + options().address.chroot;
  settings.self = backend("chat-a");
  settings.settle = std::chrono::milliseconds(0);
  sdk::backend member(control_, settings);
  part here(control_, {asio::ip::address_v4::loopback(), 0}, member);
  part there(other, here.acceptor.local_endpoint(), member);
  sdk::mux_acceptor* const both[] = {&here.acceptor, &there.acceptor};
  bool gone = false;
  sdk::departure going(control_, {both[0], both[1]}, &member, {}, [&gone] { gone = true; });
  std::thread thread([&other] { other.run(); });
  member.start(both, "127.0.0.1", here.acceptor.local_endpoint().port());
  // A map in which nobody is up would not be believed.
  registered_backend neighbour(control_, options(), backend("chat-b", 7001));
  ASSERT_TRUE(run_until([&] { return member.map() && member.map()->backends_up() == 2; }));

  // The kernel chooses by the ports: among 32 links none at one of the two is a chance of 2^-31.
  std::vector<std::shared_ptr<test_gateway>> links;
  std::vector<gateway_stream*> streams;
  links.reserve(32);
  streams.reserve(32);
  for (int i = 0; links.size() < 32; ++i) {
    const std::string key = "key-" + std::to_string(i);
    if (member.map()->owner(key)->name != "chat-a") continue;
    sdk::link_socket socket(control_.get_executor());
    socket.connect(here.acceptor.local_endpoint());
    links.push_back(std::make_shared<test_gateway>(std::move(socket)));
    links.back()->start();
    ASSERT_TRUE(run_until([&] { return links.back()->ready; }));
    streams.push_back(&links.back()->open(key));
  }
  for (const gateway_stream* each : streams)
    EXPECT_TRUE(run_until([&] { return each->accepted; }));
  EXPECT_GT(here.streams.size(), 0U);
  EXPECT_LT(here.streams.size(), streams.size());

  going.start();
  ASSERT_TRUE(
      run_until([&] { return member.map()->find("chat-a")->state == backend_state::draining; }));
  EXPECT_FALSE(gone);
  EXPECT_TRUE(run_until([&] { return has_said("draining: 32 streams are left"); }));
  here.streams.clear();
  asio::post(other, [&there] { there.streams.clear(); });
  for (gateway_stream* each : streams)
    each->finish();
  ASSERT_TRUE(run_until([&] { return gone; }));
  for (const auto& link : links)
    EXPECT_TRUE(link->going_away);
  thread.join();  // nothing is left to wait for
  EXPECT_TRUE(has_said("drained: no stream is left"));
  EXPECT_TRUE(has_said("gone: all links of gateways are closed"));
  EXPECT_FALSE(has_said("is not in ZooKeeper"));  // which is no news for one that registers
}

TEST_F(FleetBackend, IsWarnedThatItTakesTheNameOfOneThatLives) {
  registered_backend first(control_, options(), backend("chat-a"));
  ASSERT_TRUE(run_until([&] { return has_said("/servers/chat-a is registered"); }));
  registered_backend second(control_, options(), backend("chat-a", 7001));
  EXPECT_TRUE(run_until([&] { return has_said("this one waits until it leaves"); }));
  const std::string taken =
      "warning: " + chroot_ + "/servers/chat-a is registered in place of another process's";
  EXPECT_TRUE(run_until([&] { return has_said(taken); }));
}

}  // namespace
}  // namespace presenter::shard_router::tests
