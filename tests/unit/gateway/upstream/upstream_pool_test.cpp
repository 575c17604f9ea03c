// The pool against real backends of the SDK, all in one io_context over loopback.
#include "gateway/upstream/upstream_pool.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "test_waiter.hpp"
#include "tests/support/frame_script.hpp"
#include "upstream_pool_fixture.hpp"

namespace presenter::gateway {
namespace {

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

TEST_F(UpstreamPool, SaysWhetherTheOwnerCanBeReachedAndTellsThatItCan) {
  const std::uint64_t anywhere = 0;
  backend a(io);
  start();
  EXPECT_FALSE(pool->is_owner_reachable(anywhere)) << "there is none";
  set_map({{"a", a.port()}});
  EXPECT_FALSE(pool->is_owner_reachable(anywhere));
  EXPECT_EQ(reachable, 0);
  ASSERT_TRUE(run_until([&] { return is_up(1); }));
  EXPECT_TRUE(pool->is_owner_reachable(anywhere));
  EXPECT_GE(reachable, 1);
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

}  // namespace
}  // namespace presenter::gateway
