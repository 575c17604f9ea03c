#include "shard_router/ownership.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/unit/shard_router/made_map.hpp"

namespace presenter::shard_router {
namespace {

using namespace std::chrono_literals;
using time_point = ownership::clock::time_point;

constexpr auto settle = 1'000ms;

// The first of couple-0, couple-1 … that these maps give to these owners.
std::string key_of(const std::vector<std::pair<shard_map_ptr, std::string>>& owners) {
  for (int i = 0;; ++i) {
    std::string key = "couple-" + std::to_string(i);
    const auto fits = [&](const auto& wanted) {
      return wanted.first->owner(key)->name == wanted.second;
    };
    if (std::ranges::all_of(owners, fits)) return key;
  }
}

class Ownership : public ::testing::Test {
 protected:
  owner_verdict ask(const std::string& key, std::int64_t epoch) {
    return own.ask(key, epoch, now).verdict;
  }

  const shard_map_ptr alone = made_map({"a"}, 10);
  const shard_map_ptr both = made_map({"a", "b"}, 20);
  const std::string stays = key_of({{alone, "a"}, {both, "a"}});
  const std::string leaves = key_of({{alone, "a"}, {both, "b"}});
  ownership own{"a", "", settle};
  time_point now{1h};
};

TEST_F(Ownership, WithoutAMapEverybodyWaits) {
  const auto answer = own.ask(stays, 0, now);
  EXPECT_EQ(answer.verdict, owner_verdict::wait);
  EXPECT_FALSE(answer.again_at);
  EXPECT_EQ(own.epoch(), 0);
  EXPECT_FALSE(own.owns(stays));
}

TEST_F(Ownership, AKeyIsOursOnceItHasSettled) {
  own.set_map(alone, now);
  const auto answer = own.ask(stays, 10, now);
  EXPECT_EQ(answer.verdict, owner_verdict::wait);
  EXPECT_EQ(answer.again_at, now + settle);
  now += settle - 1ms;
  EXPECT_EQ(ask(stays, 10), owner_verdict::wait);
  now += 1ms;
  EXPECT_EQ(ask(stays, 10), owner_verdict::own);
}

TEST_F(Ownership, AnOlderMapThanTheGatewaysSaysNothing) {
  own.set_map(alone, now);
  now += settle;
  EXPECT_EQ(ask(stays, 11), owner_verdict::wait);
  EXPECT_FALSE(own.ask(stays, 11, now).again_at);
  own.set_map(both, now);
  EXPECT_EQ(ask(stays, 11), owner_verdict::own);
}

TEST_F(Ownership, AKeyThatHasLeftIsRefusedByTheNewerEpochAtOnce) {
  own.set_map(alone, now);
  now += settle;
  EXPECT_EQ(ask(leaves, 10), owner_verdict::own);
  own.set_map(both, now);
  const auto answer = own.ask(leaves, 10, now);
  EXPECT_EQ(answer.verdict, owner_verdict::not_own);
  EXPECT_EQ(answer.epoch, 20);
  EXPECT_FALSE(own.owns(leaves));
  EXPECT_TRUE(own.owns(stays));
}

TEST_F(Ownership, KeysThatStayAreServedWithoutAPauseWhateverTheMapsDo) {
  own.set_map(alone, now);
  now += settle;
  for (int i = 0; i < 50; ++i) {
    now += 100ms;
    own.set_map(i % 2 == 0 ? both : alone, now);
    EXPECT_EQ(ask(stays, 10), owner_verdict::own);
  }
}

TEST_F(Ownership, AKeyThatComesBackSettlesAgain) {
  own.set_map(alone, now);
  now += settle;
  own.set_map(both, now);
  now += 10ms;
  own.set_map(made_map({"a"}, 30), now);
  EXPECT_EQ(own.ask(leaves, 10, now).again_at, now + settle);
  EXPECT_EQ(ask(stays, 10), owner_verdict::own);
  now += settle;
  EXPECT_EQ(ask(leaves, 10), owner_verdict::own);
}

TEST_F(Ownership, AnotherProcessOfOurNameHasOtherKeys) {
  ownership mine("a", "this-life", settle);
  backend_entry other = made_backend("a");
  other.instance = "another-life";
  mine.set_map(std::make_shared<const shard_map>(10, std::vector{other}), now);
  EXPECT_EQ(mine.ask(stays, 10, now).verdict, owner_verdict::not_own);
  other.instance = "this-life";
  mine.set_map(std::make_shared<const shard_map>(20, std::vector{other}), now);
  now += settle;
  EXPECT_EQ(mine.ask(stays, 10, now).verdict, owner_verdict::own);
}

TEST_F(Ownership, WhoDrainsOwnsNothing) {
  backend_entry leaving = made_backend("a");
  leaving.state = backend_state::draining;
  own.set_map(std::make_shared<const shard_map>(10, std::vector{leaving, made_backend("b")}), now);
  EXPECT_EQ(ask(stays, 10), owner_verdict::not_own);
}

TEST_F(Ownership, MoreMapsThanAreKeptMakeItCautiousNotWrong) {
  own.set_map(alone, now);
  now += settle;
  for (std::size_t i = 0; i < ownership::maps_max + 1; ++i)
    own.set_map(alone, now += 1ms);
  EXPECT_EQ(ask(stays, 10), owner_verdict::wait);
  now += settle;
  EXPECT_EQ(ask(stays, 10), owner_verdict::own);
}

TEST_F(Ownership, AnOlderMapInForceIsFollowed) {
  own.set_map(both, now);
  now += settle;
  own.set_map(alone, now);
  EXPECT_EQ(own.epoch(), 10);
  EXPECT_EQ(ask(stays, 20), owner_verdict::wait);
  EXPECT_EQ(ask(stays, 10), owner_verdict::own);
}

}  // namespace
}  // namespace presenter::shard_router
