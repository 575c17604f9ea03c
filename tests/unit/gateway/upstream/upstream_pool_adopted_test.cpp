// A pool that goes on with the links of another one, as in another process.
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "upstream_pool_fixture.hpp"

namespace presenter::gateway {
namespace {

// A second pool, which stands for that of another process.
class UpstreamPoolAdopted : public UpstreamPool {
 protected:
  ~UpstreamPoolAdopted() override {
    streams.clear();
    if (next) next->shut_down(std::chrono::milliseconds(100));
    EXPECT_TRUE(run_until([&] { return !next || next->is_empty(); }));
    pool->shut_down(std::chrono::milliseconds(0));
    for (const int each : idle)
      ::close(each);
  }

  // The sockets are there under other numbers; the first pool has idle ones under the old numbers.
  upstream_state frozen() {
    upstream_state state = pool->freeze();
    for (upstream_link_state& each : state) {
      const int old = each.link.descriptor;
      int pair[2];
      EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
      each.link.descriptor = ::dup(old);
      ::dup2(pair[0], old);
      ::close(pair[0]);
      idle.push_back(pair[1]);
    }
    return state;
  }

  void adopt(upstream_state state) {
    next.emplace(
        io, settings, "gw", next_metrics, thread, protocol::link_loop{polls, output}, [] {}, [] {});
    next->adopt(std::move(state));
  }
  // As "a", with its process.
  upstream_pool::map_ptr map_of(std::uint16_t port, std::string instance = {}) {
    shard_router::backend_entry one;
    one.name = "a";
    one.host = "127.0.0.1";
    one.port = port;
    one.instance = std::move(instance);
    return std::make_shared<shard_router::shard_map>(++epoch, std::vector{one});
  }
  std::size_t links_up() const { return next->uses()["a"].links_up; }

  worker_metrics next_metrics;
  std::optional<upstream_pool> next;
  std::vector<int> idle;
};

TEST_F(UpstreamPoolAdopted, GoesOnWithLinksAndStreams) {
  backend a(io);
  link_up(a, 2);
  stream* const known = open();
  stream* const lost = open();
  ASSERT_TRUE(run_until([&] { return known->accepted && lost->accepted; }));

  const std::size_t of_known = [&] {
    pool->freeze();
    return pool->link_index(*known->link);
  }();
  adopt(frozen());
  known->link->release(known->id);  // the first pool's, which nobody hears any more
  known->link = next->adopted_link(of_known);
  ASSERT_NE(known->link, nullptr);
  EXPECT_TRUE(known->link->attach(known->id, *known));
  EXPECT_EQ(next->adopted_link(2), nullptr);
  next->set_map(map_of(a.port()));
  next->serve_adopted();

  // The one whose client did not come is reset.
  const auto in_next = [&] { return next->uses()["a"].streams; };
  EXPECT_TRUE(run_until([&] { return in_next() == 1; }));
  EXPECT_EQ(links_up(), 2U);
  EXPECT_EQ(next_metrics.links_up.value(), 2);
  EXPECT_EQ(next_metrics.link_connects.value(), 0U) << "they are up";
  stream fresh;
  fresh.link = next->route("k").link;
  ASSERT_NE(fresh.link, nullptr);
  protocol::open_frame frame;
  frame.key = "k";
  fresh.id = fresh.link->open(std::move(frame), fresh);
  EXPECT_TRUE(run_until([&] { return fresh.accepted; }));
}

TEST_F(UpstreamPoolAdopted, ALinkThatWasBeingConnectedIsConnectedAnew) {
  backend a(io);
  start(2);
  set_map({{"a", a.port()}});
  upstream_state state = frozen();
  EXPECT_TRUE(state.empty());
  adopt(std::move(state));
  next->set_map(map_of(a.port()));
  next->serve_adopted();
  EXPECT_TRUE(run_until([&] { return links_up() == 2; }));
}

// The map comes before the links are served.
TEST_F(UpstreamPoolAdopted, ABackendThatIsAnotherProcessNowGetsOtherLinks) {
  backend a(io);
  backend again(io);
  link_up(a);
  adopt(frozen());
  next->set_map(map_of(again.port(), "second life"));
  next->serve_adopted();
  EXPECT_TRUE(run_until([&] {
    next->sweep();
    return links_up() == 1 && next_metrics.links_up.value() == 1;
  }));
  EXPECT_EQ(next_metrics.link_connects.value(), 1U);
}

TEST_F(UpstreamPoolAdopted, ARetiredLinkGoesAlongUntilItsLastStreamEnds) {
  backend a(io);
  link_up(a);
  stream* const last_one = open();
  ASSERT_TRUE(run_until([&] { return last_one->accepted; }));
  set_map({});
  upstream_state state = frozen();
  ASSERT_EQ(state.size(), 1U);
  EXPECT_TRUE(state[0].is_retired);
  adopt(std::move(state));
  last_one->link->release(last_one->id);
  last_one->link = next->adopted_link(0);
  EXPECT_TRUE(last_one->link->attach(last_one->id, *last_one));
  next->serve_adopted();
  const auto is_gone = [&] {
    next->sweep();
    return next->is_empty();
  };
  io.restart();
  io.poll();
  EXPECT_FALSE(is_gone());
  last_one->release();
  EXPECT_TRUE(run_until(is_gone));
}

TEST_F(UpstreamPoolAdopted, FewerLinksThanBeforeAreKept) {
  backend a(io);
  link_up(a, 3);
  upstream_state state = frozen();
  settings.upstream.links_per_worker = 1;
  adopt(std::move(state));
  next->set_map(map_of(a.port()));
  next->serve_adopted();
  EXPECT_TRUE(run_until([&] {
    next->sweep();
    return next_metrics.links_up.value() == 1;
  }));
}

TEST_F(UpstreamPoolAdopted, AStateThatMakesNoSenseIsRefused) {
  backend a(io);
  link_up(a);
  upstream_state state = frozen();
  state[0].link.core.link_send_available = -1;
  EXPECT_THROW(adopt(std::move(state)), boost::system::system_error);
}

}  // namespace
}  // namespace presenter::gateway
