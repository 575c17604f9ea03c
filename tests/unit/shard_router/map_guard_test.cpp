#include "shard_router/map_guard.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/unit/shard_router/made_map.hpp"

namespace presenter::shard_router {
namespace {

using verdict = map_guard::verdict;
using std::chrono::seconds;

class MapGuard : public ::testing::Test {
 protected:
  verdict offer(const std::vector<std::string>& names, seconds at) {
    return guard_.offer(in_force_.get(), *made_map(names), map_guard::clock::time_point(at));
  }

  map_guard guard_{seconds(30)};
  shard_map_ptr in_force_;
};

TEST_F(MapGuard, TheFirstMapIsGood) {
  EXPECT_EQ(offer({"a"}, seconds(0)), verdict::publish);
}

TEST_F(MapGuard, AMapWithNobodyUpIsNeverGood) {
  EXPECT_EQ(offer({}, seconds(0)), verdict::empty);
  in_force_ = made_map({"a", "b"});
  EXPECT_EQ(offer({}, seconds(0)), verdict::empty);
  EXPECT_EQ(offer({}, seconds(1'000)), verdict::empty);
  guard_.confirm(1);
  EXPECT_EQ(offer({}, seconds(2'000)), verdict::empty);
  backend_entry draining = made_backend("a");
  draining.state = backend_state::draining;
  EXPECT_EQ(guard_.offer(in_force_.get(), {2, {draining}}, {}), verdict::empty);
}

TEST_F(MapGuard, HalfOfTheServersMayGoAtOnce) {
  in_force_ = made_map({"a", "b"});
  EXPECT_EQ(offer({"b"}, seconds(0)), verdict::publish);
  in_force_ = made_map({"a", "b", "c"});
  EXPECT_EQ(offer({"b", "c"}, seconds(0)), verdict::publish);
  in_force_ = made_map({"a", "b", "c", "d"});
  EXPECT_EQ(offer({"c", "d"}, seconds(0)), verdict::publish);
}

TEST_F(MapGuard, MoreThanHalfAreHeld) {
  in_force_ = made_map({"a", "b", "c"});
  EXPECT_EQ(offer({"c"}, seconds(0)), verdict::hold);
  in_force_ = made_map({"a", "b", "c", "d", "e"});
  EXPECT_EQ(offer({"d", "e"}, seconds(0)), verdict::still_held);
}

TEST_F(MapGuard, NewServersDoNotMakeUpForThoseThatAreGone) {
  in_force_ = made_map({"a", "b", "c"});
  EXPECT_EQ(offer({"x", "y", "z"}, seconds(0)), verdict::hold);
}

TEST_F(MapGuard, AHeldMapIsReleasedWhenItsTimeIsOver) {
  in_force_ = made_map({"a", "b", "c"});
  ASSERT_EQ(offer({"c"}, seconds(100)), verdict::hold);
  EXPECT_EQ(guard_.release_at(), map_guard::clock::time_point(seconds(130)));
  EXPECT_EQ(offer({"c"}, seconds(110)), verdict::still_held);
  EXPECT_EQ(offer({"c"}, seconds(129)), verdict::still_held);
  EXPECT_EQ(offer({"c"}, seconds(130)), verdict::publish);
}

TEST_F(MapGuard, EachServersTimeIsItsOwn) {
  in_force_ = made_map({"a", "b", "c", "d", "e"});
  ASSERT_EQ(offer({"d", "e"}, seconds(0)), verdict::hold);
  // Another goes and comes: that prolongs nothing.
  EXPECT_EQ(offer({"e"}, seconds(20)), verdict::still_held);
  EXPECT_EQ(guard_.release_at(), map_guard::clock::time_point(seconds(30)));
  EXPECT_EQ(offer({"d", "e"}, seconds(25)), verdict::still_held);
  EXPECT_EQ(offer({"e"}, seconds(29)), verdict::still_held);
  EXPECT_EQ(offer({"e"}, seconds(30)), verdict::publish);
}

TEST_F(MapGuard, WhatGoesBitByBitIsOneLossIfItGoesWithinTheTime) {
  in_force_ = made_map({"a", "b", "c", "d", "e", "f"});
  ASSERT_EQ(offer({"c", "d", "e", "f"}, seconds(0)), verdict::publish);
  in_force_ = made_map({"c", "d", "e", "f"});
  ASSERT_EQ(offer({"d", "e", "f"}, seconds(10)), verdict::publish);
  in_force_ = made_map({"d", "e", "f"});
  // Four of six, and three of three are there yet.
  EXPECT_EQ(offer({"e", "f"}, seconds(20)), verdict::hold);
  EXPECT_EQ(guard_.release_at(), map_guard::clock::time_point(seconds(30)));
  EXPECT_EQ(offer({"e", "f"}, seconds(30)), verdict::publish);
}

TEST_F(MapGuard, WhatWentLongAgoDoesNotCount) {
  in_force_ = made_map({"a", "b", "c", "d"});
  ASSERT_EQ(offer({"c", "d"}, seconds(0)), verdict::publish);
  in_force_ = made_map({"c", "d"});
  EXPECT_EQ(offer({"d"}, seconds(30)), verdict::publish);
}

TEST_F(MapGuard, AReturnEndsTheHold) {
  in_force_ = made_map({"a", "b", "c"});
  ASSERT_EQ(offer({"c"}, seconds(0)), verdict::hold);
  EXPECT_EQ(offer({"a", "b"}, seconds(10)), verdict::publish);
  EXPECT_EQ(offer({"c"}, seconds(40)), verdict::hold);
}

TEST_F(MapGuard, AForgottenHoldBeginsAnew) {
  in_force_ = made_map({"a", "b", "c"});
  ASSERT_EQ(offer({"c"}, seconds(0)), verdict::hold);
  guard_.forget_hold();
  EXPECT_EQ(offer({"c"}, seconds(40)), verdict::hold);
  EXPECT_EQ(offer({"c"}, seconds(70)), verdict::publish);
}

TEST_F(MapGuard, AConfirmedMapIsGoodAndLaterOnesAreNot) {
  in_force_ = made_map({"a", "b", "c"});
  ASSERT_EQ(guard_.offer(in_force_.get(), *made_map({"c"}, 7), {}), verdict::hold);
  guard_.confirm(6);
  EXPECT_EQ(guard_.offer(in_force_.get(), *made_map({"c"}, 7), {}), verdict::still_held);
  guard_.confirm(7);
  EXPECT_EQ(guard_.offer(in_force_.get(), *made_map({"c"}, 7), {}), verdict::publish);
  EXPECT_EQ(guard_.offer(in_force_.get(), *made_map({"a"}, 8), {}), verdict::hold);
}

TEST_F(MapGuard, WithoutATimeEverythingIsBelieved) {
  map_guard open{seconds(0)};
  in_force_ = made_map({"a", "b", "c"});
  EXPECT_EQ(open.offer(in_force_.get(), *made_map({"c"}), {}), verdict::publish);
}

TEST_F(MapGuard, WhoDrainedMayGo) {
  backend_entry draining = made_backend("b");
  draining.state = backend_state::draining;
  backend_entry other = made_backend("c");
  other.state = backend_state::draining;
  const shard_map drained(1, {made_backend("a"), draining, other});
  EXPECT_EQ(guard_.offer(&drained, *made_map({"a"}), {}), verdict::publish);
}

TEST_F(MapGuard, DrainingIsNotGoing) {
  in_force_ = made_map({"a", "b"});
  backend_entry draining = made_backend("a");
  draining.state = backend_state::draining;
  EXPECT_EQ(guard_.offer(in_force_.get(), {2, {draining, made_backend("b")}}, {}),
            verdict::publish);
}

}  // namespace
}  // namespace presenter::shard_router
