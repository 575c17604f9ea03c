#include "base/loop/turn_queue.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

namespace presenter {
namespace {

struct waiter : turn_node {
  void on_turn() override {
    ++turns;
    if (then) then();
  }
  int turns = 0;
  std::function<void()> then;
};

class TurnQueue : public ::testing::Test {
 protected:
  int calls = 0;
  turn_queue queue{[this] { ++calls; }};
};

TEST_F(TurnQueue, CallsForTurnsOnceUntilItHasBeenEmpty) {
  waiter a, b;
  queue.add(a);
  queue.add(b);
  queue.add(a);
  EXPECT_EQ(calls, 1);
  queue.run_all();
  EXPECT_EQ(a.turns, 1);
  EXPECT_EQ(b.turns, 1);
  EXPECT_TRUE(queue.empty());
  queue.add(b);
  EXPECT_EQ(calls, 2);
}

TEST_F(TurnQueue, GivesWhoComesBackItsTurnNextTime) {
  waiter again;
  again.then = [&] { queue.add(again); };
  queue.add(again);
  queue.run_all();
  EXPECT_EQ(again.turns, 1);
  EXPECT_FALSE(queue.empty());
  EXPECT_EQ(calls, 2);
}

TEST_F(TurnQueue, ServesAtLeastOneHoweverSmallTheBudget) {
  std::string order;
  waiter a, b;
  a.then = [&] { order += 'a'; };
  b.then = [&] { order += 'b'; };
  queue.add(a);
  queue.add(b);
  queue.run_for(std::chrono::nanoseconds(0));
  EXPECT_EQ(order, "a");
  queue.run_for(std::chrono::hours(1));
  EXPECT_EQ(order, "ab");
  EXPECT_TRUE(queue.empty());
}

TEST_F(TurnQueue, ForgetsWhoDiesWhileWaitingAndDuringARun) {
  waiter first;
  auto second = std::make_unique<waiter>();
  first.then = [&] { second.reset(); };
  queue.add(first);
  queue.add(*second);
  queue.run_all();
  EXPECT_EQ(first.turns, 1);
  EXPECT_TRUE(queue.empty());
  {
    waiter dies;
    queue.add(dies);
  }
  EXPECT_TRUE(queue.empty());
}

}  // namespace
}  // namespace presenter
