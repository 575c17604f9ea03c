// What the ring promises of any fleet: even shares, shares after weights, and joins that move no
// more keys than they must. By counted keys for a few fleets, by exact shares for many.
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>
#include <xxhash.h>

#include <cmath>
#include <map>
#include <string>
#include <vector>

#include "shard_router/hash_ring.hpp"
#include "shard_router/limits.hpp"

namespace presenter::shard_router {
namespace {

constexpr std::size_t keys_counted = 1'000'000;

struct fleet {
  std::vector<std::string> names;
  std::vector<std::int64_t> weights;

  std::size_t size() const { return names.size(); }

  double weight() const {
    double total = 0;
    for (const std::int64_t each : weights)
      total += static_cast<double>(each);
    return total;
  }

  // Of the first `count` backends.
  hash_ring ring(std::size_t count) const {
    std::vector<ring_member> members;
    members.reserve(count);
    for (std::size_t i = 0; i < count; ++i)
      members.push_back({names[i], weights[i]});
    return hash_ring(members);
  }
};

fleet equal_fleet(std::size_t count) {
  fleet made;
  for (std::size_t i = 0; i < count; ++i)
    made.names.push_back("chat-" + std::to_string(i));
  made.weights.assign(count, limits::weight_default);
  return made;
}

// Names that differ by their number whatever their stem is.
fleet drawn_fleet(std::size_t count, std::int64_t weight_min, std::int64_t weight_max) {
  fleet drawn;
  const auto stem = *rc::gen::container<std::string>(rc::gen::inRange('a', 'z'));
  for (std::size_t i = 0; i < count; ++i) {
    drawn.names.push_back(stem.substr(0, 200) + std::to_string(i));
    drawn.weights.push_back(*rc::gen::inRange(weight_min, weight_max + 1));
  }
  return drawn;
}

std::map<std::uint64_t, std::string> plain_points(const fleet& of) {
  std::map<std::uint64_t, std::string> points;
  for (std::size_t i = 0; i < of.size(); ++i) {
    for (std::int64_t number = 0; number < 16 * of.weights[i]; ++number) {
      const std::string text = of.names[i] + "#" + std::to_string(number);
      points.emplace(XXH64(text.data(), text.size(), 0), of.names[i]);
    }
  }
  return points;
}

std::vector<std::size_t> count_keys(const hash_ring& ring, std::size_t members) {
  std::vector<std::size_t> keys(members);
  for (std::size_t number = 0; number < keys_counted; ++number)
    ++keys[ring.owner("couple-" + std::to_string(number))];
  return keys;
}

class RingQuality : public ::testing::TestWithParam<std::size_t> {};

TEST_P(RingQuality, TheLargestOfEqualSharesIsNearTheMean) {
  const fleet equal = equal_fleet(GetParam());
  const double mean = static_cast<double>(keys_counted) / static_cast<double>(equal.size());
  for (const std::size_t keys : count_keys(equal.ring(equal.size()), equal.size())) {
    EXPECT_LE(static_cast<double>(keys), 1.25 * mean);
    EXPECT_NEAR(static_cast<double>(keys), mean, 0.1 * mean);
  }
}

TEST_P(RingQuality, AJoinMovesItsPartAndNothingBetweenTheOthers) {
  const std::size_t before = GetParam();
  const fleet all = equal_fleet(before + 1);
  const hash_ring old_ring = all.ring(before);
  const hash_ring new_ring = all.ring(before + 1);
  std::size_t moved = 0;
  std::size_t moved_elsewhere = 0;
  for (std::size_t number = 0; number < keys_counted; ++number) {
    const std::string key = "couple-" + std::to_string(number);
    const std::size_t owner = new_ring.owner(key);
    if (owner == old_ring.owner(key)) continue;
    ++moved;
    moved_elsewhere += owner != before ? 1 : 0;
  }
  EXPECT_EQ(moved_elsewhere, 0u);
  EXPECT_LE(static_cast<double>(moved),
            1.2 * static_cast<double>(keys_counted) / static_cast<double>(before + 1));
}

TEST_P(RingQuality, WeightsHoldWithinATenth) {
  fleet weighted = equal_fleet(GetParam());
  for (std::size_t i = 0; i < weighted.size(); ++i)
    weighted.weights[i] = std::vector<std::int64_t>{100, 150, 200, 400}[i % 4];
  const auto keys = count_keys(weighted.ring(weighted.size()), weighted.size());
  for (std::size_t i = 0; i < weighted.size(); ++i) {
    const double due = static_cast<double>(keys_counted) *
                       static_cast<double>(weighted.weights[i]) / weighted.weight();
    EXPECT_NEAR(static_cast<double>(keys[i]), due, 0.1 * due) << weighted.names[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Of, RingQuality, ::testing::Values(10, 100),
                         ::testing::PrintToStringParamName());

// A share is a sum of as many stretches as the backend has points: off by one part in the root of
// their number as a rule, and by eight times that never.
RC_GTEST_PROP(RingOfAnyFleet, SharesFollowWeights, ()) {
  const fleet any = drawn_fleet(*rc::gen::inRange<std::size_t>(1, 50), 20, 400);
  const hash_ring ring = any.ring(any.size());
  double sum = 0;
  for (std::size_t i = 0; i < any.size(); ++i) {
    const auto weight = static_cast<double>(any.weights[i]);
    const double part = ring.share(i) * any.weight() / weight;
    const double points = weight * static_cast<double>(limits::points_per_weight);
    RC_ASSERT(std::abs(part - 1) <= 8 / std::sqrt(points));
    sum += ring.share(i);
  }
  RC_ASSERT(std::abs(sum - 1) < 1e-9);
}

RC_GTEST_PROP(RingOfAnyFleet, EqualServersHaveAQuarterMoreAtTheMost, ()) {
  const fleet any = drawn_fleet(*rc::gen::inRange<std::size_t>(2, 100), 100, 100);
  const hash_ring ring = any.ring(any.size());
  for (std::size_t i = 0; i < any.size(); ++i)
    RC_ASSERT(ring.share(i) * static_cast<double>(any.size()) <= 1.25);
}

RC_GTEST_PROP(RingOfAnyFleet, AJoinTakesItsPartFromEverybodyAndMovesNothingElse, ()) {
  const fleet any = drawn_fleet(*rc::gen::inRange<std::size_t>(2, 50), 100, 100);
  const std::size_t before = any.size() - 1;
  const hash_ring old_ring = any.ring(before);
  const hash_ring new_ring = any.ring(any.size());
  RC_ASSERT(new_ring.share(before) <= 1.2 / static_cast<double>(any.size()));
  for (std::size_t i = 0; i < before; ++i)
    RC_ASSERT(new_ring.share(i) <= old_ring.share(i) + 1e-12);
  for (const auto& key :
       *rc::gen::container<std::vector<std::string>>(200, rc::gen::arbitrary<std::string>())) {
    const std::size_t owner = new_ring.owner(key);
    RC_ASSERT(owner == before || owner == old_ring.owner(key));
  }
}

// As README.md defines it, point by point, without buckets.
RC_GTEST_PROP(RingOfAnyFleet, TheOwnerIsThatOfTheFirstPointAtOrAboveTheKey, ()) {
  const fleet any = drawn_fleet(*rc::gen::inRange<std::size_t>(1, 20), 1, 8);
  const hash_ring ring = any.ring(any.size());
  const auto points = plain_points(any);
  for (const auto& key :
       *rc::gen::container<std::vector<std::string>>(200, rc::gen::arbitrary<std::string>())) {
    auto found = points.lower_bound(XXH64(key.data(), key.size(), 0));
    if (found == points.end()) found = points.begin();
    RC_ASSERT(any.names[ring.owner(key)] == found->second);
  }
}

}  // namespace
}  // namespace presenter::shard_router
