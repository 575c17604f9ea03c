// The pool against real backends of the SDK, all in one io_context over loopback.
#include "gateway/upstream/upstream_pool.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "protocol/backend_sdk/mux_acceptor.hpp"
#include "test_waiter.hpp"
#include "tests/support/frame_script.hpp"
#include "tests/support/io_turns.hpp"

namespace presenter::gateway {
namespace {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;
using boost::system::error_code;

// One server that accepts every stream and holds it.
struct backend {
  // A name in its Hello is one that the map must have as well.
  explicit backend(asio::io_context& io, std::uint16_t port = 0, std::int32_t streams_max = 1'000,
                   std::string name = {}) {
    protocol::acceptor_options options;
    options.node = std::move(name);
    options.streams_open_max = streams_max;
    acceptor.emplace(io, tcp::endpoint(asio::ip::address_v4::loopback(), port), options);
    accept_next();
  }
  void accept_next() {
    acceptor->async_accept([this](error_code error, protocol::mux_stream stream) {
      if (error) return;
      streams.push_back(std::move(stream));
      accept_next();
    });
  }
  std::uint16_t port() const { return acceptor->local_endpoint().port(); }

  std::optional<protocol::mux_acceptor> acceptor;
  std::vector<protocol::mux_stream> streams;
};

// The gateway's side of one stream.
struct stream final : protocol::stream_handler {
  ~stream() { release(); }
  void release() {
    if (link != nullptr) std::exchange(link, nullptr)->release(id);
  }
  void on_accepted() override { accepted = true; }
  void on_refused(const protocol::refuse_frame&) override { release(); }
  void on_data(std::span<const std::byte>, bool) override {}
  void on_finish() override {}
  void on_writable() override {}
  void on_reset(protocol::reset_reason, bool) override { release(); }
  void on_checkpoint(const protocol::checkpoint_frame&) override {}
  void on_handoff(const protocol::handoff_frame&) override {}
  void on_notice(const protocol::notice_frame&) override {}
  void on_link_lost(bool) override {
    lost = true;
    release();
    if (when_lost) when_lost();
  }

  std::shared_ptr<protocol::mux_core> link;
  protocol::stream_id id;
  bool accepted = false;
  bool lost = false;
  std::function<void()> when_lost;
};

class UpstreamPool : public ::testing::Test {
 protected:
  UpstreamPool() { settings.moves.left_grace = std::chrono::seconds(0); }

  void start(std::size_t links = 1) {
    settings.upstream.links_per_worker = links;
    polls.start();
    pool.emplace(
        io, settings, "gw", metrics, thread, protocol::link_loop{polls, output},
        [this] { ++gulps; },
        [this](const shard_router::backend_entry& of, bool is_up) {
          (is_up ? up : refused).push_back(of.name);
        });
  }

  ~UpstreamPool() override {
    streams.clear();
    if (!pool) return;
    pool->shut_down(std::chrono::milliseconds(100));
    EXPECT_TRUE(run_until([&] { return pool->is_empty(); }));
    EXPECT_EQ(metrics.links_up.value(), 0);
  }

  ::testing::AssertionResult run_until(const std::function<bool()>& done) {
    return tests::run_until(io, [&] {
      if (pool) pool->sweep();
      return done();
    });
  }

  // The map has `only`, as "a", and all links to it are up.
  void link_up(const backend& only, std::size_t links = 1) {
    start(links);
    set_map({{"a", only.port()}});
    ASSERT_TRUE(run_until([&] { return is_up(links); }));
  }

  void set_map(std::initializer_list<std::pair<const char*, std::uint16_t>> named) {
    std::vector<shard_router::backend_entry> servers;
    for (const auto& [name, port] : named) {
      shard_router::backend_entry one;
      one.name = name;
      one.host = "127.0.0.1";
      one.port = port;
      servers.push_back(one);
    }
    pool->set_map(std::make_shared<shard_router::shard_map>(++epoch, std::move(servers)));
  }

  stream* open(const std::string& key = "k") {
    protocol::open_frame frame;
    frame.key = key;
    auto made = std::make_unique<stream>();
    last = pool->route(frame.key);
    if (last.link == nullptr) return nullptr;
    made->link = std::move(last.link);
    made->id = made->link->open(std::move(frame), *made);
    streams.push_back(std::move(made));
    return streams.back().get();
  }

  bool is_up(std::size_t links) const {
    std::size_t up = 0;
    for (const auto& [name, use] : pool->uses())
      up += use.links_up;
    return up == links;
  }

  asio::io_context io{1};
  config settings;
  worker_metrics metrics;
  worker_thread thread;
  poller polls{io};
  protocol::output_batch output{
      [this] { asio::post(io, [this] { const protocol::output_batch::scope flushed(output); }); }};
  std::optional<upstream_pool> pool;
  std::vector<std::unique_ptr<stream>> streams;
  upstream_pool::upstream_route last;
  std::int64_t epoch = 0;
  int gulps = 0;
  std::vector<std::string> up, refused;  // what is told of backends
};

TEST_F(UpstreamPool, SaysWhetherThereIsNoOwnerOrNoLink) {
  start();
  EXPECT_EQ(open(), nullptr);
  EXPECT_FALSE(last.has_owner);
  set_map({});
  EXPECT_EQ(open(), nullptr);
  EXPECT_FALSE(last.has_owner);
  set_map({{"a", 1}});
  EXPECT_EQ(open(), nullptr);
  EXPECT_TRUE(last.has_owner);
  EXPECT_EQ(last.backend->name, "a");
}

TEST_F(UpstreamPool, ConnectsToEveryBackendAndOpensOnTheOwner) {
  backend a(io), b(io);
  start(2);
  set_map({{"a", a.port()}, {"b", b.port()}});
  ASSERT_TRUE(run_until([&] { return is_up(4); }));
  EXPECT_EQ(metrics.links_up.value(), 4);
  std::map<std::string, std::size_t> opened;
  for (int i = 0; i < 40; ++i) {
    ASSERT_NE(open("couple-" + std::to_string(i)), nullptr);
    ++opened[last.backend->name];
  }
  ASSERT_TRUE(run_until([&] { return a.streams.size() + b.streams.size() == 40; }));
  EXPECT_EQ(a.streams.size(), opened["a"]);
  EXPECT_EQ(b.streams.size(), opened["b"]);
  ASSERT_TRUE(run_until([&] {
    return std::ranges::all_of(streams, [](const auto& each) { return each->accepted; });
  }));
  EXPECT_GT(gulps, 0);
  EXPECT_EQ(a.acceptor->counters().links_accepted, 2U);
}

TEST_F(UpstreamPool, SpreadsStreamsOverTheLinksOfABackend) {
  backend a(io);
  ASSERT_NO_FATAL_FAILURE(link_up(a, 3));
  std::map<protocol::mux_core*, int> on_link;
  for (int i = 0; i < 30; ++i)
    ++on_link[open()->link.get()];
  EXPECT_EQ(on_link.size(), 3U);
  for (const auto& [link, n] : on_link)
    EXPECT_EQ(n, 10);
}

TEST_F(UpstreamPool, ComesBackWhenTheBackendDoesAndWakesWhoWaits) {
  std::optional<backend> a(std::in_place, io);
  const std::uint16_t port = a->port();
  start();
  set_map({{"a", port}});
  ASSERT_TRUE(run_until([&] { return is_up(1); }));
  stream* const opened = open();
  ASSERT_NE(opened, nullptr);
  a.reset();
  ASSERT_TRUE(run_until([&] { return opened->lost && is_up(0); }));
  EXPECT_EQ(metrics.links_up.value(), 0);

  ASSERT_TRUE(run_until([&] { return metrics.link_connect_failures.value() >= 2; }));
  waiter one;
  stream* found = nullptr;
  one.then = [&] {
    found = open();
    if (found == nullptr) pool->waiters().wait_for_room(one, "a");
  };
  pool->waiters().wait_for_room(one, "a");
  a.emplace(io, port);
  ASSERT_TRUE(run_until([&] { return found != nullptr && found->accepted; }));
  EXPECT_EQ(metrics.links_opened.value(), 2U);
}

TEST_F(UpstreamPool, TellsThatABackendIsRefusedOnceAllLinksAreBrokenAndNoneIsTaken) {
  std::optional<backend> a(std::in_place, io);
  const std::uint16_t port = a->port();
  ASSERT_NO_FATAL_FAILURE(link_up(*a, 2));
  EXPECT_EQ(up.size(), 2U);
  stream* const opened = open();
  const auto server = last.backend;
  // Its process has gone, and nobody has said good-bye.
  const auto before = protocol::mux_clock::now();
  a.reset();
  ASSERT_TRUE(run_until([&] { return !refused.empty(); }));
  EXPECT_EQ(refused.front(), "a");
  EXPECT_TRUE(opened->lost);
  EXPECT_EQ(pool->fate_of(*server, before), backend_fate::unknown);
  a.emplace(io, port);
  ASSERT_TRUE(run_until([&] { return is_up(2); }));
  EXPECT_EQ(up.size(), 4U);
  EXPECT_EQ(pool->fate_of(*server, before), backend_fate::alive);
  EXPECT_EQ(pool->fate_of(*server, protocol::mux_clock::now()), backend_fate::unknown);
  set_map({{"b", 1}});
  EXPECT_EQ(pool->fate_of(*server, before), backend_fate::gone);
}

TEST_F(UpstreamPool, TellsNothingOfABackendThatOnlyDropsItsLinks) {
  std::optional<backend> a(std::in_place, io);
  const std::uint16_t port = a->port();
  ASSERT_NO_FATAL_FAILURE(link_up(*a));
  a.reset();
  a.emplace(io, port);  // before anybody tries
  ASSERT_TRUE(run_until([&] { return up.size() == 2; }));
  EXPECT_TRUE(refused.empty());
}

TEST_F(UpstreamPool, TellsNothingOfABackendThatWasNeverUp) {
  start();
  set_map({{"a", 1}});
  ASSERT_TRUE(run_until([&] { return metrics.link_connect_failures.value() >= 2; }));
  EXPECT_TRUE(refused.empty());
}

TEST_F(UpstreamPool, OffersTheOtherLinkAtOnceWhenOneIsLost) {
  backend a(io);
  ASSERT_NO_FATAL_FAILURE(link_up(a, 2));
  stream* const first = open();
  ASSERT_NE(first, nullptr);
  waiter one;
  stream* found = nullptr;
  one.then = [&] { found = open(); };
  first->when_lost = [&] { pool->waiters().wait_for_room(one, "a"); };
  // What a link does that its peer breaks.
  const std::array<std::byte, 4> rubbish{std::byte{0xff}, std::byte{0xff}, std::byte{0xff},
                                         std::byte{0xff}};
  first->link->on_input(rubbish, protocol::mux_clock::now());
  EXPECT_EQ(one.woken, 1);
  ASSERT_NE(found, nullptr);
  EXPECT_TRUE(run_until([&] { return found->accepted; }));
  EXPECT_TRUE(run_until([&] { return is_up(2); }));
}

TEST_F(UpstreamPool, KeepsTheStreamsOfABackendThatLeftTheMapAndThenClosesItsLink) {
  backend a(io), b(io);
  ASSERT_NO_FATAL_FAILURE(link_up(a));
  stream* const old = open();
  ASSERT_TRUE(run_until([&] { return old->accepted; }));

  set_map({{"b", b.port()}});
  ASSERT_TRUE(run_until([&] { return is_up(1); }));
  stream* const fresh = open();
  ASSERT_TRUE(run_until([&] { return fresh->accepted; }));
  EXPECT_EQ(b.streams.size(), 1U);
  EXPECT_FALSE(old->lost);
  EXPECT_EQ(metrics.links_up.value(), 2);
  EXPECT_EQ(a.acceptor->counters().links_open, 1U);

  old->link->reset(old->id, protocol::reset_reason::cancelled);
  old->release();
  ASSERT_TRUE(run_until([&] { return a.acceptor->counters().links_open == 0; }));
  ASSERT_TRUE(run_until([&] { return metrics.links_up.value() == 1; }));
  EXPECT_EQ(a.acceptor->counters().links_failed, 0U) << "an orderly end";
}

// As when its session with ZooKeeper has expired.
TEST_F(UpstreamPool, ABackendThatIsMissingForAMomentFindsItsLinksAgain) {
  settings.moves.left_grace = std::chrono::hours(1);
  backend a(io), b(io);
  start();
  set_map({{"a", a.port()}, {"b", b.port()}});
  ASSERT_TRUE(run_until([&] { return is_up(2); }));
  set_map({{"b", b.port()}});
  EXPECT_EQ(pool->route("k").backend->name, "b");
  set_map({{"a", a.port()}});
  stream* const at_a = open();
  ASSERT_NE(at_a, nullptr) << "at once, on the link that is there";
  ASSERT_TRUE(run_until([&] { return at_a->accepted; }));
  EXPECT_EQ(metrics.links_opened.value(), 2U);
  EXPECT_EQ(metrics.links_up.value(), 2);
}

TEST_F(UpstreamPool, ABackendThatIsMissingForLongerLosesThem) {
  settings.moves.left_grace = std::chrono::milliseconds(1);
  backend a(io), b(io);
  start();
  set_map({{"a", a.port()}, {"b", b.port()}});
  ASSERT_TRUE(run_until([&] { return is_up(2); }));
  set_map({{"b", b.port()}});
  ASSERT_TRUE(run_until([&] { return a.acceptor->counters().links_open == 0; }));
  EXPECT_EQ(a.acceptor->counters().links_failed, 0U) << "an orderly end";
  ASSERT_TRUE(run_until([&] { return metrics.links_up.value() == 1; }));
}

TEST_F(UpstreamPool, ReplacesALinkThatItsBackendLeavesAndKeepsItsStreams) {
  backend a(io);
  ASSERT_NO_FATAL_FAILURE(link_up(a));
  stream* const old = open();
  ASSERT_TRUE(run_until([&] { return old->accepted; }));
  const auto leaving = presenter::testing::frame_script().go_away(1, 0).bytes();
  old->link->on_input(leaving, protocol::mux_clock::now());
  EXPECT_TRUE(is_up(0));
  EXPECT_EQ(open(), nullptr);

  ASSERT_TRUE(run_until([&] { return is_up(1); }));
  stream* const fresh = open();
  ASSERT_NE(fresh, nullptr);
  ASSERT_TRUE(run_until([&] { return fresh->accepted; }));
  EXPECT_FALSE(old->lost);
  EXPECT_EQ(a.acceptor->counters().links_open, 2U);
  old->link->reset(old->id, protocol::reset_reason::cancelled);
  old->release();
  EXPECT_TRUE(run_until([&] { return a.acceptor->counters().links_open == 1; }));
}

TEST_F(UpstreamPool, TakesTheSameNameElsewhereForAnotherBackend) {
  backend before(io), after(io);
  ASSERT_NO_FATAL_FAILURE(link_up(before));
  set_map({{"a", after.port()}});
  ASSERT_TRUE(run_until([&] { return before.acceptor->counters().links_open == 0 && is_up(1); }));
  ASSERT_NE(open(), nullptr);
  EXPECT_TRUE(run_until([&] { return after.streams.size() == 1; }));
}

TEST_F(UpstreamPool, WakesWhoWaitsWhenTheMapChanges) {
  start();
  waiter one, dead;
  ASSERT_TRUE(pool->waiters().wait_for_map(one));
  {
    waiter dies;
    ASSERT_TRUE(pool->waiters().wait_for_room(dies, "a"));
  }
  set_map({});
  EXPECT_EQ(one.woken, 1);
  set_map({});
  EXPECT_EQ(one.woken, 1) << "only who still waits";
  EXPECT_EQ(metrics.opens_waiting.value(), 0);
}

TEST_F(UpstreamPool, WakesWhoWaitsWhenAFullBackendHasRoomAgain) {
  backend a(io, 0, 2);
  ASSERT_NO_FATAL_FAILURE(link_up(a));
  stream* const first = open();
  ASSERT_NE(first, nullptr);
  ASSERT_NE(open(), nullptr);
  ASSERT_EQ(open(), nullptr);
  EXPECT_TRUE(last.has_owner);
  EXPECT_TRUE(last.is_full);
  waiter one;
  stream* found = nullptr;
  one.then = [&] {
    found = open();
    if (found == nullptr) pool->waiters().wait_for_room(one, "a");
  };
  pool->waiters().wait_for_room(one, "a");
  ASSERT_TRUE(run_until([&] { return first->accepted; }));
  first->link->reset(first->id, protocol::reset_reason::cancelled);
  first->release();
  EXPECT_TRUE(run_until([&] { return found != nullptr && found->accepted; }));
}

TEST_F(UpstreamPool, OpensNoStreamAtABackendOfAnotherName) {
  backend b(io, 0, 1'000, "b");
  start();
  set_map({{"a", b.port()}});
  const auto refused = [this] {
    return metrics.link_errors[protocol::errc::wrong_backend].value();
  };
  ASSERT_TRUE(run_until([&] { return refused() >= 2; })) << "it is tried again";
  EXPECT_EQ(metrics.links_opened.value(), 0U);
  EXPECT_EQ(open(), nullptr);
  EXPECT_EQ(last.obstacle(), close_reason::backend_unreachable);

  set_map({{"b", b.port()}});
  ASSERT_TRUE(run_until([&] { return is_up(1); }));
  EXPECT_NE(open(), nullptr);
}

TEST_F(UpstreamPool, GivesUpABackendThatAcceptsAndSaysNothing) {
  tcp::acceptor mute(io, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  start();
  set_map({{"a", mute.local_endpoint().port()}});
  tcp::socket silent(io);
  bool accepted = false;
  mute.async_accept(silent, [&](error_code) { accepted = true; });
  ASSERT_TRUE(run_until([&] { return accepted; }));
  EXPECT_EQ(open(), nullptr);
  set_map({});
  ASSERT_TRUE(run_until([&] {
    std::array<char, 256> bytes;
    error_code error;
    silent.non_blocking(true);
    while (!error)
      silent.read_some(asio::buffer(bytes), error);
    return error == asio::error::eof;
  }));
}

TEST_F(UpstreamPool, EndsWhileItConnectsAndWhileItPauses) {
  start();
  set_map({{"a", 1}, {"b", 2}});
  pool->shut_down(std::chrono::milliseconds(0));
  EXPECT_TRUE(pool->is_empty());
  set_map({{"a", 1}});
  EXPECT_EQ(open(), nullptr) << "nothing comes up again";
  io.restart();
  io.poll();
  EXPECT_EQ(metrics.link_connects.value(), 2U);
}

TEST_F(UpstreamPool, CanBeDestroyedWithLinksAndConnectsUnderWay) {
  backend a(io);
  start(2);
  set_map({{"a", a.port()}, {"b", 1}});
  ASSERT_TRUE(run_until([&] { return is_up(2); }));
  for (int i = 0; i < 20; ++i)
    open("couple-" + std::to_string(i));
  EXPECT_FALSE(streams.empty());
  streams.clear();
  pool.reset();
}

// --- another process goes on

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
    next.emplace(io, settings, "gw", next_metrics, thread, protocol::link_loop{polls, output},
                 [] {});
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
