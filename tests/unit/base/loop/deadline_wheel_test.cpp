#include "base/loop/deadline_wheel.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

namespace presenter {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;

constexpr steady_time begun_at{};

struct node : deadline_node {
  void on_deadline(steady_time now) override {
    fired.push_back(now);
    if (then) then();
  }
  std::vector<steady_time> fired;
  std::function<void()> then;
};

// The first of times 1 ms apart at which the node fires.
milliseconds first_fired(deadline_wheel& wheel, node& one, milliseconds from, milliseconds to) {
  for (milliseconds at = from; at <= to; ++at) {
    wheel.advance(begun_at + at);
    if (!one.fired.empty()) return at;
  }
  return milliseconds(-1);
}

TEST(DeadlineWheel, FiresAtTheFirstTickThatIsNotBeforeTheDeadline) {
  for (const auto& [deadline, at] : {std::pair{1, 100},
                                     {99, 100},
                                     {100, 100},
                                     {101, 200},
                                     {199, 200},
                                     {200, 200},
                                     {1'050, 1'100}}) {
    deadline_wheel wheel(begun_at);
    node one;
    wheel.set_deadline(one, begun_at + milliseconds(deadline));
    EXPECT_EQ(first_fired(wheel, one, milliseconds(0), milliseconds(3'000)), milliseconds(at));
    EXPECT_FALSE(one.has_deadline());
  }
}

TEST(DeadlineWheel, CountsFromTheTimeOfTheCallNotOfTheTick) {
  deadline_wheel wheel(begun_at);
  wheel.advance(begun_at + milliseconds(199));
  node one;
  wheel.set_deadline(one, begun_at + milliseconds(199 + 100));
  EXPECT_EQ(first_fired(wheel, one, milliseconds(199), milliseconds(1'000)), milliseconds(300));
}

TEST(DeadlineWheel, FiresAPastDeadlineAtTheNextTick) {
  deadline_wheel wheel(begun_at + hours(1));
  node one;
  wheel.set_deadline(one, begun_at);
  EXPECT_TRUE(one.has_deadline());
  wheel.advance(begun_at + hours(1) + milliseconds(100));
  EXPECT_EQ(one.fired.size(), 1U);
}

TEST(DeadlineWheel, KeepsDeadlinesBeyondOneRound) {
  for (const milliseconds far : {milliseconds(51'100), milliseconds(51'200), milliseconds(51'300),
                                 milliseconds(102'401), milliseconds(hours(2))}) {
    deadline_wheel wheel(begun_at);
    node one;
    wheel.set_deadline(one, begun_at + far);
    milliseconds at{0};
    while (one.fired.empty() && at < far + milliseconds(200)) {
      at += milliseconds(100);
      wheel.advance(begun_at + at);
    }
    EXPECT_GE(at, far);
    EXPECT_LT(at, far + milliseconds(100));
  }
}

TEST(DeadlineWheel, CatchesUpInOneStep) {
  deadline_wheel wheel(begun_at);
  node soon, later, beyond;
  wheel.set_deadline(soon, begun_at + milliseconds(300));
  wheel.set_deadline(later, begun_at + milliseconds(90'000));
  wheel.set_deadline(beyond, begun_at + hours(2));
  wheel.advance(begun_at + hours(1));
  EXPECT_EQ(soon.fired.size(), 1U);
  EXPECT_EQ(later.fired.size(), 1U);
  EXPECT_TRUE(beyond.fired.empty());
  wheel.advance(begun_at + hours(2));
  EXPECT_EQ(beyond.fired.size(), 1U);
}

TEST(DeadlineWheel, KeepsItsDistanceToDeadlinesWhenTimeIsSkipped) {
  deadline_wheel wheel(begun_at);
  node soon, beyond;
  wheel.set_deadline(soon, begun_at + milliseconds(300));
  wheel.set_deadline(beyond, begun_at + hours(2));
  wheel.advance(begun_at + milliseconds(100));
  wheel.skip(hours(1));
  EXPECT_EQ(wheel.now(), begun_at + hours(1) + milliseconds(100));
  wheel.advance(begun_at + hours(1) + milliseconds(200));
  EXPECT_TRUE(soon.fired.empty());
  wheel.advance(begun_at + hours(1) + milliseconds(300));
  EXPECT_EQ(soon.fired.size(), 1U);
  node fresh;
  wheel.set_deadline(fresh, begun_at + hours(1) + milliseconds(500));
  wheel.advance(begun_at + hours(1) + milliseconds(500));
  EXPECT_EQ(fresh.fired.size(), 1U);
  wheel.advance(begun_at + hours(3) - milliseconds(100));
  EXPECT_TRUE(beyond.fired.empty());
  wheel.advance(begun_at + hours(3));
  EXPECT_EQ(beyond.fired.size(), 1U);
}

TEST(DeadlineWheel, ReplacesAndClears) {
  deadline_wheel wheel(begun_at);
  node moved, cleared;
  wheel.set_deadline(moved, begun_at + milliseconds(100));
  wheel.set_deadline(moved, begun_at + milliseconds(500));
  wheel.set_deadline(cleared, begun_at + milliseconds(100));
  cleared.clear_deadline();
  cleared.clear_deadline();
  wheel.advance(begun_at + milliseconds(400));
  EXPECT_TRUE(moved.fired.empty());
  wheel.advance(begun_at + hours(1));
  EXPECT_EQ(moved.fired.size(), 1U);
  EXPECT_TRUE(cleared.fired.empty());
}

TEST(DeadlineWheel, LetsHandlersSetClearAndDestroyOthersOfTheSameTick) {
  deadline_wheel wheel(begun_at);
  node first, cleared, postponed;
  auto destroyed = std::make_unique<node>();
  const auto at = begun_at + milliseconds(100);
  for (node* each : {&first, &cleared, &postponed, destroyed.get()})
    wheel.set_deadline(*each, at);
  first.then = [&] {
    cleared.clear_deadline();
    if (postponed.fired.empty()) wheel.set_deadline(postponed, begun_at + milliseconds(250));
    destroyed.reset();
    if (first.fired.size() < 3) wheel.set_deadline(first, begun_at);  // again, next tick
  };
  wheel.advance(at);
  EXPECT_EQ(first.fired.size(), 1U);
  wheel.advance(begun_at + hours(1));
  EXPECT_EQ(first.fired.size(), 3U);
  EXPECT_TRUE(cleared.fired.empty());
  EXPECT_EQ(postponed.fired.size(), 1U);
}

TEST(DeadlineWheel, ForgetsANodeThatDies) {
  deadline_wheel wheel(begun_at);
  {
    node dies;
    wheel.set_deadline(dies, begun_at + milliseconds(100));
  }
  wheel.advance(begun_at + hours(1));
}

}  // namespace
}  // namespace presenter
