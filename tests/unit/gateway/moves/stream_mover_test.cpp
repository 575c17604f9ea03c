#include "gateway/moves/stream_mover.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <string>

namespace presenter::gateway {
namespace {

using shard_router::backend_entry;
using shard_router::backend_state;
using shard_router::shard_map;
using std::chrono::milliseconds;
using std::chrono::seconds;
using time_point = stream_mover::time_point;

constexpr double per_second = 100;
constexpr double handoffs_per_second = 1'000;
constexpr std::chrono::seconds left_grace{5};
constexpr milliseconds mean_gap{10};

struct fake_client final : movable {
  fake_client(std::string key_, std::vector<fake_client*>& moved_)
      : key(std::move(key_)), moved(moved_) {
    set_ring_hash(shard_router::ring_hash_of(key));
  }
  void open(const backend_entry& at) { set_backend(std::make_shared<backend_entry>(at)); }
  void on_move(move_cause why) override {
    cause = why;
    moved.push_back(this);
  }
  void on_hand_over(move_cause why) override {
    is_handed_over = true;
    on_move(why);
  }
  move_way way_to_move() const override { return way; }

  std::string key;
  move_way way = move_way::close;
  bool is_handed_over = false;
  std::vector<fake_client*>& moved;
  std::optional<move_cause> cause;
};

// A mover, its clients, and a clock that goes by hand.
class StreamMover : public ::testing::Test {
 protected:
  static backend_entry backend_of(std::string name, backend_state state = backend_state::up,
                                  std::string instance = "first") {
    const auto port = static_cast<std::uint16_t>(4'000 + name.back());
    return {.name = std::move(name),
            .host = "h",
            .port = port,
            .weight = 100,
            .state = state,
            .instance = std::move(instance)};
  }

  void set_map(std::vector<backend_entry> servers) {
    map = std::make_shared<shard_map>(++epoch, std::move(servers));
    mover.set_map(map, now);
    look();
  }
  void look() {
    while (mover.look(7, now)) {
    }
  }

  // Each with a stream at the owner of its key.
  void add_clients(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      fake_client& client = clients.emplace_back("key-" + std::to_string(clients.size()), moved);
      client.open(*map->owner(client.key));
      mover.add(client, now);
    }
  }

  // As a worker's timer: calls when next_move() says so. Returns when each was moved.
  std::vector<time_point> run_until(time_point end) {
    std::vector<time_point> at;
    for (auto next = mover.next_move(); next && *next <= end; next = mover.next_move()) {
      now = std::max(now, *next);
      const std::size_t before = moved.size();
      mover.move_due(now);
      at.insert(at.end(), moved.size() - before, now);
    }
    now = end;
    return at;
  }
  std::vector<time_point> run_out() { return run_until(now + seconds(3'600)); }

  // Moved and to be moved by the maps themselves, one look-up for each.
  std::vector<fake_client*> with_another_owner() {
    std::vector<fake_client*> found;
    for (fake_client& client : clients) {
      const backend_entry* owner = map->owner(client.key);
      if (!is_same_process(*owner, *client.backend())) found.push_back(&client);
    }
    return found;
  }

  time_point now{seconds(1'000)};
  worker_metrics metrics;
  int works = 0;
  stream_mover mover{
      {{per_second, handoffs_per_second}, left_grace}, 42, metrics, [this] { ++works; }};
  std::shared_ptr<const shard_map> map;
  std::int64_t epoch = 0;
  std::vector<fake_client*> moved;
  std::deque<fake_client> clients;
};

TEST_F(StreamMover, MovesExactlyThoseWhoseOwnerChanged) {
  set_map({backend_of("a"), backend_of("b"), backend_of("c")});
  add_clients(1'000);
  EXPECT_EQ(mover.pending(), 0U);

  set_map({backend_of("a"), backend_of("b"), backend_of("c"), backend_of("d")});
  const auto expected = with_another_owner();
  ASSERT_THAT(expected.size(), ::testing::AllOf(::testing::Gt(100U), ::testing::Lt(500U)));
  EXPECT_EQ(mover.pending(), expected.size());
  EXPECT_EQ(metrics.moves_pending[move_cause::rebalanced].value(), expected.size());

  run_out();
  EXPECT_THAT(moved, ::testing::UnorderedElementsAreArray(expected));
  EXPECT_EQ(metrics.moves[move_cause::rebalanced].value(), expected.size());
  EXPECT_EQ(metrics.moves_pending[move_cause::rebalanced].value(), 0);
  EXPECT_EQ(mover.next_move(), std::nullopt);
}

TEST_F(StreamMover, LeavesEverybodyWhenNoOwnerChanges) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(200);
  set_map({backend_of("a"), backend_of("b")});
  EXPECT_EQ(mover.pending(), 0U);
  EXPECT_EQ(mover.next_move(), std::nullopt);
}

TEST_F(StreamMover, KeepsThePaceWithJitter) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(1'000);
  set_map({backend_of("a"), backend_of("b", backend_state::draining)});
  const time_point start = now;
  const auto at = run_out();
  ASSERT_GT(at.size(), 300U);

  EXPECT_EQ(at.front(), start) << "the first goes at once";
  std::map<std::int64_t, int> gaps;
  for (std::size_t i = 1; i < at.size(); ++i) {
    const auto gap = at[i] - at[i - 1];
    EXPECT_GE(gap, mean_gap / 2);
    EXPECT_LE(gap, mean_gap * 3 / 2);
    ++gaps[gap.count()];
  }
  EXPECT_GT(gaps.size(), at.size() / 2) << "no two gaps alike";
  const auto took = std::chrono::duration<double>(at.back() - start).count();
  EXPECT_NEAR(took, static_cast<double>(at.size()) / per_second, 0.1 * took);
}

TEST_F(StreamMover, TakesAnotherPaceAtOnce) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(100);
  mover.set_rules({{0.001, 0.001}, left_grace}, now);
  set_map({backend_of("a"), backend_of("b", backend_state::draining)});
  EXPECT_EQ(run_until(now + seconds(100)).size(), 1U) << "one in a quarter of an hour";
  const auto due = mover.next_move();
  mover.set_rules({{0.001, 0.001}, left_grace}, now);
  EXPECT_EQ(mover.next_move(), due) << "the same pace";
  const int before = works;
  mover.set_rules({{1'000, 1'000}, left_grace}, now);
  EXPECT_GT(works, before) << "the timer is to be set anew";
  EXPECT_GT(run_until(now + seconds(1)).size(), 10U);
}

TEST_F(StreamMover, MovesWhoDrainsBeforeWhoIsRebalanced) {
  set_map({backend_of("a"), backend_of("b"), backend_of("c")});
  add_clients(600);
  set_map({backend_of("a"), backend_of("b", backend_state::draining), backend_of("c"),
           backend_of("d")});
  run_out();
  const auto is_drained = [](fake_client* client) { return client->backend()->name == "b"; };
  EXPECT_TRUE(std::ranges::is_partitioned(moved, is_drained));
  EXPECT_EQ(moved.front()->cause, move_cause::drained);
  EXPECT_EQ(moved.back()->cause, move_cause::rebalanced);
  EXPECT_EQ(metrics.moves[move_cause::drained].value(),
            static_cast<std::uint64_t>(std::ranges::count_if(
                clients, [](fake_client& client) { return client.backend()->name == "b"; })));
}

TEST_F(StreamMover, MovesInTheOrderOfTheRing) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(500);
  set_map({backend_of("a"), backend_of("b", backend_state::draining)});
  run_out();
  const auto place = [](fake_client* client) { return client->ring_hash() >> 56; };
  EXPECT_TRUE(std::ranges::is_sorted(moved, {}, place));
}

TEST_F(StreamMover, AnotherChangeInTheMiddleIsTheOneThatCounts) {
  set_map({backend_of("a"), backend_of("b"), backend_of("c")});
  add_clients(900);
  set_map({backend_of("a"), backend_of("b", backend_state::draining), backend_of("c")});
  const std::size_t at_first = mover.pending();
  run_until(now + seconds(1));
  const std::size_t moved_first = moved.size();
  ASSERT_GT(moved_first, 50U);
  ASSERT_LT(moved_first, at_first);

  // Undrained: the others stay where they are.
  set_map({backend_of("a"), backend_of("b"), backend_of("c")});
  EXPECT_EQ(mover.pending(), 0U);
  EXPECT_EQ(metrics.moves_pending[move_cause::drained].value(), 0);
  run_out();
  EXPECT_EQ(moved.size(), moved_first);

  // And another one drains: only what it has.
  set_map({backend_of("a", backend_state::draining), backend_of("b"), backend_of("c")});
  run_out();
  for (std::size_t i = moved_first; i < moved.size(); ++i)
    EXPECT_EQ(moved[i]->backend()->name, "a");
}

TEST_F(StreamMover, AChangeInTheMiddleKeepsThePace) {
  set_map({backend_of("a"), backend_of("b"), backend_of("c")});
  add_clients(900);
  set_map({backend_of("a"), backend_of("b", backend_state::draining), backend_of("c")});
  const time_point start = now;
  // Maps that come faster than moves.
  std::size_t count = 0;
  for (int i = 0; i < 400; ++i) {
    set_map({backend_of("a"), backend_of("b", backend_state::draining), backend_of("c")});
    count += run_until(now + milliseconds(3)).size();
  }
  const auto seconds_passed = std::chrono::duration<double>(now - start).count();
  EXPECT_NEAR(static_cast<double>(count), seconds_passed * per_second, 15);
}

TEST_F(StreamMover, MovesFromAServerThatLeftOrIsAnotherProcess) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(100);
  set_map({backend_of("a"), backend_of("b", backend_state::up, "second")});
  run_out();
  EXPECT_FALSE(moved.empty());
  for (const fake_client* client : moved) {
    EXPECT_EQ(client->backend()->name, "b");
    EXPECT_EQ(client->cause, move_cause::left);
  }
  moved.clear();
  set_map({backend_of("b", backend_state::up, "second")});
  run_out();
  for (const fake_client* client : moved)
    EXPECT_EQ(client->backend()->name, "a");
  EXPECT_EQ(metrics.moves[move_cause::left].value(), 100U);
}

// As when its session with ZooKeeper has expired.
TEST_F(StreamMover, ABackendThatIsMissingForAMomentKeepsItsStreams) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(100);
  set_map({backend_of("a")});
  EXPECT_GT(mover.pending(), 0U);
  EXPECT_EQ(mover.next_move(), now + left_grace);
  run_until(now + left_grace - milliseconds(1));
  set_map({backend_of("a"), backend_of("b")});
  EXPECT_EQ(mover.pending(), 0U);
  run_out();
  EXPECT_TRUE(moved.empty());
}

TEST_F(StreamMover, NobodyElseWaitsForABackendsReturn) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(100);
  set_map({backend_of("a")});
  const auto since = now;
  works = 0;
  fake_client& lost = *std::ranges::find_if(
      clients, [](const fake_client& client) { return !client.is_move_pending(); });
  mover.strand(lost, move_cause::link_lost, now);
  EXPECT_EQ(works, 1) << "sooner than was said";
  EXPECT_EQ(mover.next_move(), now);
  run_until(since + left_grace - milliseconds(1));
  EXPECT_THAT(moved, ::testing::ElementsAre(&lost));
  run_out();
  EXPECT_GT(moved.size(), 1U);
}

TEST_F(StreamMover, MovesNobodyWhenThereIsNoOwner) {
  set_map({backend_of("a")});
  add_clients(10);
  set_map({backend_of("a", backend_state::draining)});
  EXPECT_EQ(mover.pending(), 0U);
  set_map({});
  EXPECT_EQ(mover.pending(), 0U);
}

TEST_F(StreamMover, LooksInSlicesAndMovesNobodyBeforeTheLast) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(100);
  works = 0;
  mover.set_map(std::make_shared<shard_map>(
                    9, std::vector{backend_of("a"), backend_of("b", backend_state::draining)}),
                now);
  EXPECT_EQ(works, 1);
  EXPECT_TRUE(mover.look(60, now));
  ASSERT_GT(mover.pending(), 0U);
  EXPECT_EQ(mover.next_move(), std::nullopt);
  mover.move_due(now);
  EXPECT_TRUE(moved.empty());
  EXPECT_FALSE(mover.look(40, now));
  EXPECT_EQ(mover.next_move(), now);
}

TEST_F(StreamMover, StrandedClientsGoFirstAndWhateverTheMap) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(100);
  set_map({backend_of("a"), backend_of("b", backend_state::draining)});
  std::vector<fake_client*> lost;
  for (fake_client& client : clients) {
    if (client.backend()->name == "a" && lost.size() < 20) lost.push_back(&client);
  }
  for (fake_client* client : lost)
    mover.strand(*client, move_cause::link_lost, now);
  set_map({backend_of("a"), backend_of("b")});
  EXPECT_EQ(mover.pending(), 20U);
  set_map({backend_of("a"), backend_of("b", backend_state::draining)});
  run_out();
  ASSERT_GT(moved.size(), 20U);
  EXPECT_THAT(std::vector(moved.begin(), moved.begin() + 20),
              ::testing::UnorderedElementsAreArray(lost));
  EXPECT_EQ(metrics.moves[move_cause::link_lost].value(), 20U);
}

TEST_F(StreamMover, WhileItRestsOnlyTheStrandedHaveTheirTurn) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(100);
  set_map({backend_of("a"), backend_of("b", backend_state::draining)});
  const std::size_t pending = mover.pending();
  ASSERT_GT(pending, 10U);
  mover.set_resting(true);
  EXPECT_EQ(mover.next_move(), std::nullopt);
  mover.move_due(now + seconds(10));
  EXPECT_TRUE(moved.empty());
  mover.strand(clients[3], move_cause::link_lost, now);
  run_out();
  EXPECT_THAT(moved, ::testing::ElementsAre(&clients[3]));
  mover.set_resting(false);
  run_out();
  EXPECT_GE(moved.size(), pending);
}

TEST_F(StreamMover, StrandedClientsWhoSendGoFirst) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(50);
  for (fake_client& client : clients)
    mover.strand(client, move_cause::link_lost, now);
  mover.hurry(clients[30], now);
  mover.hurry(clients[7], now);
  mover.hurry(clients[30], now);
  EXPECT_EQ(mover.pending(), 50U);
  run_out();
  ASSERT_EQ(moved.size(), 50U);
  EXPECT_THAT(std::vector(moved.begin(), moved.begin() + 2),
              ::testing::UnorderedElementsAre(&clients[30], &clients[7]));
}

TEST_F(StreamMover, ForgetsWhoLeavesByItself) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(60);
  set_map({backend_of("a"), backend_of("b", backend_state::draining)});
  const std::size_t pending = mover.pending();
  fake_client& leaving = *std::ranges::find_if(
      clients, [](const fake_client& client) { return client.is_move_pending(); });
  mover.remove(leaving);
  mover.remove(leaving);
  EXPECT_EQ(mover.pending(), pending - 1);
  run_out();
  EXPECT_EQ(moved.size(), pending - 1);
  EXPECT_EQ(leaving.cause, std::nullopt);
}

TEST_F(StreamMover, ChecksAStreamThatWasOpenedByAnOlderMap) {
  set_map({backend_of("a"), backend_of("b", backend_state::draining)});
  fake_client& late = clients.emplace_back("late", moved);
  late.open(backend_of("b"));
  works = 0;
  mover.add(late, now);
  EXPECT_EQ(works, 1);
  run_out();
  EXPECT_EQ(late.cause, move_cause::drained);
}

TEST_F(StreamMover, ALateTimerCatchesUpButALongPauseMakesNoCrowd) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(1'000);
  set_map({backend_of("a"), backend_of("b", backend_state::draining)});
  run_until(now + milliseconds(200));
  moved.clear();
  now += milliseconds(50);
  mover.move_due(now);
  EXPECT_THAT(moved.size(), ::testing::AllOf(::testing::Ge(3U), ::testing::Le(11U)));
  moved.clear();
  now += seconds(30);
  mover.move_due(now);
  EXPECT_LE(moved.size(), 21U);
}

TEST_F(StreamMover, TheSlowestWorkersLastMoveIsTheEta) {
  worker_metrics other;
  metrics.moves_pending[move_cause::drained].add(300);
  metrics.moves_pending[move_cause::rebalanced].add(200);
  other.moves_pending[move_cause::drained].add(100);
  const std::array<const worker_metrics*, 2> workers{&metrics, &other};
  const move_paces paces{.closes = 100, .handoffs = 1'000};
  EXPECT_DOUBLE_EQ(moves_eta_seconds(workers, paces), 5);
  EXPECT_DOUBLE_EQ(moves_eta_seconds(std::span(workers).first(0), paces), 0);
  metrics.handoffs_pending.add(400);
  EXPECT_DOUBLE_EQ(moves_eta_seconds(workers, paces), 1.4) << "closes and handoffs share a queue";
  const move_paces no_handoffs{.closes = 100};
  metrics.handoffs_pending.set(0);
  EXPECT_DOUBLE_EQ(moves_eta_seconds(workers, no_handoffs), 5);
}

// --- handing over

TEST_F(StreamMover, HandsOverAtAPaceOfItsOwn) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(1'000);
  for (fake_client& client : clients)
    client.way = move_way::hand_over;
  set_map({backend_of("a")});
  const auto begun = now;
  const auto at = run_out();
  ASSERT_GT(at.size(), 300U);
  const auto seconds_taken = std::chrono::duration<double>(at.back() - begun - left_grace).count();
  EXPECT_NEAR(seconds_taken, static_cast<double>(at.size()) / handoffs_per_second, 0.1);
  for (const fake_client* client : moved)
    EXPECT_TRUE(client->is_handed_over);
}

// After a crash: they go on from their deposits, those who talk first.
TEST_F(StreamMover, HandsTheStrandedOverAtThatPaceToo) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(500);
  const auto begun = now;
  for (fake_client& client : clients) {
    client.way = move_way::hand_over;
    mover.strand(client, move_cause::link_lost, now);
  }
  mover.hurry(clients[70], now);
  const auto at = run_out();
  ASSERT_EQ(at.size(), 500U);
  EXPECT_EQ(moved.front(), &clients[70]);
  EXPECT_NEAR(std::chrono::duration<double>(at.back() - begun).count(), 0.5, 0.1);
  EXPECT_EQ(moved.back()->cause, move_cause::link_lost);
  // And once more at the next crash.
  mover.strand(clients[1], move_cause::link_lost, now);
  mover.strand(clients[70], move_cause::link_lost, now);
  mover.hurry(clients[70], now);
  run_out();
  EXPECT_EQ(moved[500], &clients[70]);
}

TEST_F(StreamMover, ClosesAtTheOldPaceThoseWhoCannotBeHandedOver) {
  set_map({backend_of("a"), backend_of("b", backend_state::up)});
  add_clients(400);
  set_map({backend_of("a"), backend_of("b", backend_state::draining)});
  std::size_t closes = 0;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    if (i % 2 == 0) clients[i].way = move_way::hand_over;
  }
  const auto begun = now;
  const auto at = run_out();
  for (const fake_client* client : moved)
    closes += client->is_handed_over ? 0 : 1;
  const auto handed = moved.size() - closes;
  ASSERT_GT(closes, 50U);
  const double expected =
      static_cast<double>(closes) / per_second + static_cast<double>(handed) / handoffs_per_second;
  EXPECT_NEAR(std::chrono::duration<double>(at.back() - begun).count(), expected, 0.2);
}

TEST_F(StreamMover, CountsWhomItClosesAndWhomItWouldHandOver) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(400);
  for (std::size_t i = 0; i < clients.size(); ++i)
    clients[i].way =
        i % 4 == 0 ? move_way::close : (i % 2 == 0 ? move_way::later : move_way::hand_over);
  set_map({backend_of("a"), backend_of("b", backend_state::draining)});
  const auto waiting = with_another_owner();
  const auto closes = std::ranges::count(waiting, move_way::close, &fake_client::way);
  ASSERT_GT(closes, 20);
  EXPECT_EQ(metrics.handoffs_pending.value(), std::ssize(waiting) - closes);
  for (fake_client& client : clients) {
    if (client.way == move_way::later) client.way = move_way::hand_over;
  }
  run_out();
  EXPECT_EQ(metrics.handoffs_pending.value(), 0);
  EXPECT_EQ(metrics.moves[move_cause::drained].value(), closes)
      << "a handoff counts when it is done";
}

TEST_F(StreamMover, ForgetsWhomItWouldHandOverWithThoseWhoGo) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(100);
  for (fake_client& client : clients)
    client.way = move_way::hand_over;
  set_map({backend_of("a")});
  ASSERT_GT(metrics.handoffs_pending.value(), 0);
  for (fake_client& client : clients)
    mover.remove(client);
  EXPECT_EQ(metrics.handoffs_pending.value(), 0);
}

TEST_F(StreamMover, LeavesThoseWhoseOwnerCannotBeReachedAndMovesTheOthers) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(60);
  for (fake_client& client : clients)
    client.way = move_way::hand_over;
  set_map({backend_of("a"), backend_of("b", backend_state::draining)});
  const auto to_be_moved = with_another_owner();
  ASSERT_GT(to_be_moved.size(), 20U);
  for (std::size_t i = 0; i < 20; ++i)
    to_be_moved[i]->way = move_way::nowhere;
  run_out();
  EXPECT_EQ(moved.size(), to_be_moved.size() - 20);
  EXPECT_EQ(mover.pending(), 20U);
  EXPECT_EQ(metrics.handoffs_pending.value(), 20);
  EXPECT_FALSE(mover.next_move()) << "nothing is to be done for them now";

  works = 0;
  mover.on_reachable();
  EXPECT_EQ(works, 1);
  to_be_moved[0]->way = move_way::hand_over;
  look();
  run_out();
  EXPECT_EQ(moved.size(), to_be_moved.size() - 19);
  EXPECT_EQ(mover.pending(), 19U);

  set_map({backend_of("a"), backend_of("b")});
  EXPECT_EQ(mover.pending(), 0U) << "they stay";
  works = 0;
  mover.on_reachable();
  EXPECT_EQ(works, 0);
}

TEST_F(StreamMover, IsCalledForTheFirstWhoGoesSomewhere) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(60);
  set_map({backend_of("a"), backend_of("b", backend_state::draining)});
  for (fake_client& client : clients)
    client.way = move_way::nowhere;
  run_out();
  ASSERT_GT(mover.pending(), 0U);
  fake_client& late = clients.emplace_back("late", moved);
  late.open(backend_of("a"));
  works = 0;
  mover.strand(late, move_cause::link_lost, now);
  EXPECT_EQ(works, 1);
  run_out();
  EXPECT_EQ(moved.size(), 1U);
}

TEST_F(StreamMover, WaitsForRoomWithoutForgettingAnybody) {
  set_map({backend_of("a"), backend_of("b")});
  add_clients(20);
  set_map({backend_of("a"), backend_of("b", backend_state::draining)});
  const std::size_t waiting = mover.pending();
  ASSERT_GT(waiting, 3U);
  for (fake_client& client : clients)
    client.way = move_way::later;
  run_until(now + seconds(1));
  EXPECT_TRUE(moved.empty());
  EXPECT_EQ(mover.pending(), waiting);
  for (fake_client& client : clients)
    client.way = move_way::hand_over;
  run_out();
  EXPECT_EQ(moved.size(), waiting);
}

}  // namespace
}  // namespace presenter::gateway
