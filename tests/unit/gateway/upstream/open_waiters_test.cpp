#include "gateway/upstream/open_waiters.hpp"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "test_waiter.hpp"

namespace presenter::gateway {
namespace {

class OpenWaiters : public ::testing::Test {
 protected:
  std::int64_t waiting() const { return metrics.opens_waiting.value(); }

  worker_metrics metrics;
  open_waiters waiters{metrics};
};

TEST_F(OpenWaiters, AMapWakesAllButThoseWhoWaitForTheirTime) {
  waiter map, room, time;
  waiters.wait_for_map(map);
  waiters.wait_for_room(room, "a");
  waiters.wait_for_time(time);
  EXPECT_EQ(waiting(), 3);
  waiters.on_map();
  EXPECT_EQ(map.woken, 1);
  EXPECT_EQ(room.woken, 1);
  EXPECT_EQ(time.woken, 0);
  EXPECT_EQ(waiting(), 1);
}

TEST_F(OpenWaiters, RoomWakesThoseOfThatBackendInOrderAsLongAsThereIsSome) {
  std::deque<waiter> queue(4);
  std::string order;
  for (int i = 0; i < 4; ++i) {
    queue[static_cast<std::size_t>(i)].then = [&order, i] { order += std::to_string(i); };
    waiters.wait_for_room(queue[static_cast<std::size_t>(i)], i == 2 ? "b" : "a");
  }
  int room = 2;
  waiters.on_room("a", [&] { return room-- > 0; });
  EXPECT_EQ(order, "01");
  EXPECT_EQ(waiting(), 2);
  waiters.on_room("a", [] { return true; });
  EXPECT_EQ(order, "013");
  waiters.on_room("nobody waits for this one", [] { return true; });
  EXPECT_EQ(waiting(), 1);
}

TEST_F(OpenWaiters, WhoMustWaitOnKeepsItsTurnBehindNobodyWhoCameLater) {
  waiter first, second, later;
  std::string order;
  // The first takes the room; while it does so another client comes and has to wait.
  first.then = [&] {
    order += "first ";
    waiters.wait_for_room(later, "a");
  };
  second.then = [&] { order += "second "; };
  later.then = [&] { order += "later "; };
  waiters.wait_for_room(first, "a");
  waiters.wait_for_room(second, "a");
  int room = 1;
  waiters.on_room("a", [&] { return room-- > 0; });
  waiters.on_room("a", [] { return true; });
  EXPECT_EQ(order, "first second later ");
}

TEST_F(OpenWaiters, WhoWaitsAgainInsideIsNotWokenForEver) {
  waiter stubborn;
  stubborn.then = [&] { waiters.wait_for_room(stubborn, "a"); };
  waiters.wait_for_room(stubborn, "a");
  waiters.on_room("a", [] { return true; });
  EXPECT_EQ(stubborn.woken, 1);
  waiters.on_map();
  EXPECT_EQ(stubborn.woken, 2);
  EXPECT_EQ(waiting(), 1);
}

TEST_F(OpenWaiters, ALinkThatComesUpOrAMapWakesThoseWhoseBackendIsLost) {
  std::vector<std::unique_ptr<waiter>> lost;
  for (std::size_t i = 0; i <= open_waiters::waiting_max; ++i) {
    lost.push_back(std::make_unique<waiter>());
    waiters.wait_for_fate(*lost.back(), i == 0 ? "b" : "a");
  }
  EXPECT_EQ(metrics.crashes_waiting.value(), static_cast<std::int64_t>(lost.size()));
  EXPECT_EQ(waiting(), 0) << "they were served, and keep nobody out";
  waiters.on_link_up("b");
  waiters.on_link_up("nobody waits for this one");
  waiters.on_room("a", [] { return true; });
  EXPECT_EQ(lost.front()->woken, 1);
  EXPECT_EQ(lost.back()->woken, 0);
  lost.back()->then = [&] { waiters.wait_for_fate(*lost.back(), "a"); };
  waiters.on_map();
  EXPECT_EQ(lost.back()->woken, 1);
  EXPECT_EQ(metrics.crashes_waiting.value(), 1) << "it waits again, and is not woken for ever";
}

TEST_F(OpenWaiters, WhoLeavesOrDiesIsNotCounted) {
  waiter leaves;
  waiters.wait_for_map(leaves);
  leaves.stop_waiting();
  leaves.stop_waiting();
  {
    waiter dies;
    waiters.wait_for_room(dies, "a");
  }
  EXPECT_EQ(waiting(), 0);
  waiters.on_map();
  EXPECT_EQ(leaves.woken, 0);
}

TEST_F(OpenWaiters, OneWhoDiesWhileOthersAreWokenIsLeftOut) {
  waiter first;
  auto second = std::make_unique<waiter>();
  first.then = [&] { second.reset(); };
  waiters.wait_for_map(first);
  waiters.wait_for_map(*second);
  waiters.on_map();
  EXPECT_EQ(first.woken, 1);
  EXPECT_EQ(waiting(), 0);
}

TEST_F(OpenWaiters, OneTooManyIsToldSo) {
  std::vector<std::unique_ptr<waiter>> crowd;
  for (std::size_t i = 0; i < open_waiters::waiting_max; ++i) {
    crowd.push_back(std::make_unique<waiter>());
    ASSERT_TRUE(waiters.wait_for_room(*crowd.back(), "a"));
  }
  waiter late;
  EXPECT_FALSE(waiters.wait_for_map(late));
  EXPECT_FALSE(waiters.wait_for_time(late));
  EXPECT_TRUE(waiters.wait_for_map(*crowd.front())) << "who waits already may wait for another";
  crowd.pop_back();
  EXPECT_TRUE(waiters.wait_for_time(late));
}

}  // namespace
}  // namespace presenter::gateway
