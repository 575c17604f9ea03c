#include "shard_router/hash_ring.hpp"

#include <gtest/gtest.h>
#include <xxhash.h>

#include <array>
#include <bit>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "shard_router/shard_map.hpp"

namespace presenter::shard_router {
namespace {

using nlohmann::json;

json vectors() {
  return json::parse(std::ifstream(RING_VECTORS));
}

std::vector<std::string> numbered_names(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i)
    names.push_back("chat-" + std::to_string(i));
  return names;
}

std::vector<ring_member> members_of(const std::vector<std::string>& names, std::int64_t weight) {
  std::vector<ring_member> members;
  members.reserve(names.size());
  for (const std::string& name : names)
    members.push_back({name, weight});
  return members;
}

std::string key_of(int number) {
  return "couple-" + std::to_string(number);
}

TEST(HashRing, GoldenVectors) {
  const json stored = vectors();
  ASSERT_GE(stored["fleets"].size(), 6u);
  for (const json& fleet : stored["fleets"]) {
    std::vector<std::string> names;
    std::vector<ring_member> members;
    names.reserve(fleet["servers"].size());
    members.reserve(fleet["servers"].size());
    for (const json& each : fleet["servers"])
      names.push_back(each["name"]);
    for (std::size_t i = 0; i < names.size(); ++i) {
      members.push_back({names[i], fleet["servers"][i]["weight"]});
    }
    const hash_ring ring(members);
    EXPECT_EQ(ring.points(), fleet["points"].get<std::size_t>());
    ASSERT_FALSE(fleet["owners"].empty());
    for (const auto& [key, owner] : fleet["owners"].items()) {
      EXPECT_EQ(names[ring.owner(key)], owner.get<std::string>()) << "key '" << key << "'";
    }
  }
}

TEST(HashRing, TheHashIsXxh64WithSeedZero) {
  const json stored = vectors();
  for (const auto& [text, value] : stored["hashes"].items()) {
    EXPECT_EQ(XXH64(text.data(), text.size(), 0),
              std::stoull(value.get<std::string>(), nullptr, 16))
        << text;
  }
}

TEST(HashRing, AnEmptyRingOwnsNothing) {
  EXPECT_EQ(hash_ring().owner("couple"), hash_ring::no_member);
  EXPECT_EQ(hash_ring(std::vector<ring_member>{}).owner(""), hash_ring::no_member);
}

TEST(HashRing, TheOrderOfTheMembersDoesNotMatter) {
  const std::vector<std::string> names = numbered_names(10);
  const std::vector<std::string> reversed(names.rbegin(), names.rend());
  const hash_ring one(members_of(names, 100));
  const hash_ring other(members_of(reversed, 100));
  for (int number = 0; number < 1'000; ++number) {
    EXPECT_EQ(names[one.owner(key_of(number))], reversed[other.owner(key_of(number))]);
  }
}

TEST(HashRing, AJoinTakesKeysOnlyForItself) {
  const std::vector<std::string> names = numbered_names(11);
  const hash_ring before(members_of({names.begin(), names.end() - 1}, 100));
  const hash_ring after(members_of(names, 100));
  int moved = 0;
  for (int number = 0; number < 10'000; ++number) {
    const std::size_t owner = after.owner(key_of(number));
    if (owner == before.owner(key_of(number))) continue;
    EXPECT_EQ(owner, 10u);
    ++moved;
  }
  // An eleventh of the keys, by and large.
  EXPECT_GT(moved, 600);
  EXPECT_LT(moved, 1'300);
}

TEST(HashRing, SharesAddUpAndFollowTheWeights) {
  const std::vector<std::string> names{"a", "b", "c"};
  const hash_ring ring(std::vector<ring_member>{{names[0], 100}, {names[1], 300}, {names[2], 600}});
  EXPECT_NEAR(ring.share(0) + ring.share(1) + ring.share(2), 1, 1e-9);
  EXPECT_NEAR(ring.share(0), 0.1, 0.03);
  EXPECT_NEAR(ring.share(1), 0.3, 0.06);
  std::map<std::size_t, int> keys;
  for (int number = 0; number < 100'000; ++number)
    ++keys[ring.owner(key_of(number))];
  for (std::size_t member = 0; member < 3; ++member) {
    EXPECT_NEAR(keys[member] / 100'000.0, ring.share(member), 0.01);
  }
}

TEST(HashRing, ALoneMemberOwnsEverything) {
  const hash_ring ring(std::vector<ring_member>{{"only", 1}});
  EXPECT_NEAR(ring.share(0), 1, 1e-12);
  EXPECT_EQ(ring.owner(""), 0u);
  EXPECT_EQ(ring.owner("couple"), 0u);
}

constexpr std::uint64_t prime_1 = 0x9E3779B185EBCA87;
constexpr std::uint64_t prime_2 = 0xC2B2AE3D27D4EB4F;
constexpr std::uint64_t prime_4 = 0x85EBCA77C2B2AE63;
constexpr std::uint64_t prime_5 = 0x27D4EB2F165667C5;

constexpr std::uint64_t inverse(std::uint64_t odd) {
  std::uint64_t result = odd;
  for (int step = 0; step < 6; ++step)
    result *= 2 - odd * result;
  return result;
}

constexpr std::uint64_t round_of(std::uint64_t lane) {
  return std::rotl(lane * prime_2, 31) * prime_1;
}

constexpr std::uint64_t lane_of(std::uint64_t round) {
  return std::rotr(round * inverse(prime_1), 31) * inverse(prime_2);
}

std::string bytes_of(std::uint64_t first, std::uint64_t second) {
  std::string bytes(16, '\0');
  std::memcpy(bytes.data(), &first, 8);
  std::memcpy(bytes.data() + 8, &second, 8);
  return bytes;
}

// xxh64 of inputs under 32 bytes takes 8 at a time, each step invertible: whatever the first 8
// bytes are, the second 8 can be chosen so that both inputs go on alike. Points of two such
// names that have one digit meet.
TEST(HashRing, EqualPointsGoToTheSmallerName) {
  const std::uint64_t start = prime_5 + 18;
  const auto after = [start](std::uint64_t lane) {
    return std::rotl(start ^ round_of(lane), 27) * prime_1 + prime_4;
  };
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  std::memcpy(&first, "chat-aaa", 8);
  std::memcpy(&second, "bbbbbbbb", 8);
  const std::uint64_t other_first = first + 1;
  const std::uint64_t other_second = lane_of(after(first) ^ round_of(second) ^ after(other_first));
  const std::string smaller = bytes_of(first, second);
  const std::string larger = bytes_of(other_first, other_second);
  ASSERT_LT(smaller, larger);
  ASSERT_EQ(XXH64((smaller + "#7").data(), 18, 0), XXH64((larger + "#7").data(), 18, 0));

  // Inputs of one more byte begin otherwise: "#0" to "#9" meet, "#10" to "#15" do not.
  const hash_ring ring(std::vector<ring_member>{{larger, 1}, {smaller, 1}});
  EXPECT_EQ(ring.points(), 22u);
  // A point's own text, taken for a key, belongs to the point.
  for (int number = 0; number < 10; ++number)
    EXPECT_EQ(ring.owner(larger + "#" + std::to_string(number)), 1u);
  for (int number = 10; number < 16; ++number)
    EXPECT_EQ(ring.owner(larger + "#" + std::to_string(number)), 0u);
}

}  // namespace
}  // namespace presenter::shard_router
