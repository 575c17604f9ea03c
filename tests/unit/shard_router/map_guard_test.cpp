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
    return guard_.offer(in_force_.get(), made_map(names), map_guard::clock::time_point(at));
  }

  map_guard guard_{seconds(30)};
  shard_map_ptr in_force_;
};

TEST_F(MapGuard, TheFirstMapIsGoodEvenIfEmpty) {
  EXPECT_EQ(offer({}, seconds(0)), verdict::publish);
  in_force_ = made_map({});
  EXPECT_EQ(offer({"a"}, seconds(0)), verdict::publish);
  EXPECT_EQ(offer({}, seconds(0)), verdict::publish);
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
  in_force_ = made_map({"a"});
  EXPECT_EQ(offer({}, seconds(0)), verdict::hold);
  in_force_ = made_map({"a", "b", "c"});
  EXPECT_EQ(offer({"c"}, seconds(0)), verdict::hold);
  in_force_ = made_map({"x", "y"});
  EXPECT_EQ(offer({}, seconds(0)), verdict::hold);
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

TEST_F(MapGuard, WhenOthersAreMissingTheTimeBeginsAnew) {
  in_force_ = made_map({"a", "b", "c"});
  ASSERT_EQ(offer({"c"}, seconds(0)), verdict::hold);
  EXPECT_EQ(offer({}, seconds(20)), verdict::hold);
  EXPECT_EQ(offer({}, seconds(30)), verdict::still_held);
  EXPECT_EQ(offer({}, seconds(50)), verdict::publish);
}

TEST_F(MapGuard, AReturnEndsTheHold) {
  in_force_ = made_map({"a", "b", "c"});
  ASSERT_EQ(offer({}, seconds(0)), verdict::hold);
  EXPECT_EQ(offer({"a", "b"}, seconds(10)), verdict::publish);
  EXPECT_EQ(offer({}, seconds(40)), verdict::hold);
}

TEST_F(MapGuard, AForgottenHoldBeginsAnew) {
  in_force_ = made_map({"a", "b", "c"});
  ASSERT_EQ(offer({"c"}, seconds(0)), verdict::hold);
  guard_.forget_hold();
  EXPECT_EQ(offer({"c"}, seconds(40)), verdict::hold);
  EXPECT_EQ(offer({"c"}, seconds(70)), verdict::publish);
}

TEST_F(MapGuard, DrainingIsNotGoing) {
  in_force_ = made_map({"a"});
  server draining = made_server("a");
  draining.state = server_state::draining;
  const auto offered = std::make_shared<const shard_map>(2, std::vector<server>{draining});
  EXPECT_EQ(guard_.offer(in_force_.get(), offered, {}), verdict::publish);
}

}  // namespace
}  // namespace presenter::shard_router
