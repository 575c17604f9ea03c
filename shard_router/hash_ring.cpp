#include "shard_router/hash_ring.hpp"

#include <xxhash.h>

#include <algorithm>
#include <charconv>

#include "shard_router/limits.hpp"

namespace presenter::shard_router {
namespace {

std::uint64_t hash_of(std::string_view bytes) {
  return XXH64(bytes.data(), bytes.size(), 0);
}

struct point {
  std::uint64_t hash;
  std::uint32_t member;
};

std::size_t points_of(const ring_member& member) {
  return static_cast<std::size_t>(member.weight) * limits::points_per_weight;
}

void append_points(const ring_member& member, std::uint32_t index, std::vector<point>& points) {
  std::string text(member.name);
  text += '#';
  const std::size_t stem = text.size();
  for (std::size_t i = 0; i < points_of(member); ++i) {
    text.resize(stem + 20);
    const auto end = std::to_chars(text.data() + stem, text.data() + text.size(), i).ptr;
    text.resize(static_cast<std::size_t>(end - text.data()));
    points.push_back({hash_of(text), index});
  }
}

// `points`: sorted, each hash once.
std::vector<double> shares_of(std::span<const point> points, std::size_t members) {
  std::vector<double> shares(members);
  if (points.size() == 1) shares[points.front().member] = 1;
  if (points.size() <= 1) return shares;
  std::uint64_t before = points.back().hash;
  for (const point& each : points) {
    // Unsigned, so that the first point's stretch, which wraps, comes out right.
    shares[each.member] += static_cast<double>(each.hash - before) / 0x1p64;
    before = each.hash;
  }
  return shares;
}

}  // namespace

hash_ring::hash_ring(std::span<const ring_member> members) {
  std::size_t count = 0;
  for (const ring_member& each : members)
    count += points_of(each);
  std::vector<point> points;
  points.reserve(count);
  for (std::size_t i = 0; i < members.size(); ++i) {
    append_points(members[i], static_cast<std::uint32_t>(i), points);
  }
  // Equal points: the smaller name first, the others never reached.
  std::ranges::sort(points, [&](const point& a, const point& b) {
    if (a.hash != b.hash) return a.hash < b.hash;
    return members[a.member].name < members[b.member].name;
  });
  const auto same_hash = [](const point& a, const point& b) { return a.hash == b.hash; };
  points.erase(std::unique(points.begin(), points.end(), same_hash), points.end());
  hashes_.reserve(points.size());
  members_.reserve(points.size());
  for (const point& each : points) {
    hashes_.push_back(each.hash);
    members_.push_back(each.member);
  }
  shares_ = shares_of(points, members.size());
}

std::size_t hash_ring::owner(std::string_view key) const {
  if (hashes_.empty()) return no_member;
  const auto found = std::ranges::lower_bound(hashes_, hash_of(key));
  const auto index = found == hashes_.end() ? 0 : found - hashes_.begin();
  return members_[static_cast<std::size_t>(index)];
}

}  // namespace presenter::shard_router
