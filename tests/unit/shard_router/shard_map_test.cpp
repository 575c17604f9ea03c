#include "shard_router/shard_map.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

#include "shard_router/router.hpp"
#include "tests/unit/shard_router/made_map.hpp"

namespace presenter::shard_router {
namespace {

TEST(ShardMap, ServersAreFoundByName) {
  const shard_map map(7, {made_backend("chat-b"), made_backend("chat-a")});
  EXPECT_EQ(map.epoch(), 7);
  ASSERT_EQ(map.backends().size(), 2u);
  EXPECT_EQ(map.backends()[0].name, "chat-a");
  EXPECT_EQ(map.find("chat-b"), &map.backends()[1]);
  EXPECT_EQ(map.find("chat-"), nullptr);
  EXPECT_EQ(map.find("chat-c"), nullptr);
}

TEST(ShardMap, ADrainingServerOwnsNothingButIsThere) {
  backend_entry draining = made_backend("chat-b");
  draining.state = backend_state::draining;
  const shard_map map(1, {made_backend("chat-a"), draining, made_backend("chat-c")});
  const shard_map without(1, {made_backend("chat-a"), made_backend("chat-c")});
  EXPECT_NE(map.find("chat-b"), nullptr);
  EXPECT_EQ(map.share("chat-b"), 0);
  EXPECT_NEAR(map.share("chat-a") + map.share("chat-c"), 1, 1e-9);
  for (int number = 0; number < 100; ++number) {
    const std::string key = "couple-" + std::to_string(number);
    EXPECT_EQ(map.owner(key)->name, without.owner(key)->name);
  }
}

TEST(ShardMap, NobodyUpOwnsNothing) {
  backend_entry draining = made_backend("chat-a");
  draining.state = backend_state::draining;
  EXPECT_EQ(shard_map(1, {draining}).owner("couple"), nullptr);
  EXPECT_EQ(shard_map(1, {}).owner("couple"), nullptr);
  EXPECT_EQ(shard_map(1, {}).share("chat-a"), 0);
}

TEST(Router, ASubscriberGetsTheMapInForceAndEveryLaterOne) {
  router shards;
  EXPECT_EQ(shards.current(), nullptr);
  std::vector<std::int64_t> early;
  std::vector<std::int64_t> late;
  shards.subscribe([&](const shard_map_ptr& map) { early.push_back(map->epoch()); });
  shards.publish(made_map({"chat-a"}, 1));
  shards.subscribe([&](const shard_map_ptr& map) { late.push_back(map->epoch()); });
  shards.publish(made_map({"chat-a"}, 2));
  EXPECT_EQ(early, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(late, (std::vector<std::int64_t>{1, 2}));
  EXPECT_EQ(shards.current()->epoch(), 2);
}

TEST(Router, SubscriberThatComesInsideACallbackIsToldOnce) {
  router shards;
  int first = 0;
  int added = 0;
  shards.subscribe([&](const shard_map_ptr&) {
    if (++first == 1) shards.subscribe([&](const shard_map_ptr&) { ++added; });
  });
  shards.publish(made_map({}, 1));
  EXPECT_EQ(added, 1);
  shards.publish(made_map({}, 2));
  EXPECT_EQ(first, 2);
  EXPECT_EQ(added, 2);
}

}  // namespace
}  // namespace presenter::shard_router
