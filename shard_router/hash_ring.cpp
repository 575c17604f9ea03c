#include "shard_router/hash_ring.hpp"

#include <xxhash.h>

#include <algorithm>
#include <bit>
#include <charconv>
#include <numeric>

#include "shard_router/limits.hpp"

namespace presenter::shard_router {
namespace {

struct point {
  std::uint64_t hash;
  std::uint32_t member;
};

std::size_t points_of(const ring_member& member) {
  return static_cast<std::size_t>(member.weight) * limits::points_per_weight;
}

// About four points a bucket: they and their neighbours are one or two lines of the cache.
unsigned bucket_bits_for(std::size_t points) {
  return static_cast<unsigned>(std::bit_width(points / 4));
}

void append_points(const ring_member& member, std::uint32_t index, std::vector<point>& points) {
  std::string text(member.name);
  text += '#';
  const std::size_t stem = text.size();
  text.resize(stem + 20);
  const std::size_t count = points_of(member);
  for (std::size_t i = 0; i < count; ++i) {
    const auto end = std::to_chars(text.data() + stem, text.data() + text.size(), i).ptr;
    points.push_back({ring_hash_of({text.data(), end}), index});
  }
}

std::vector<point> points_of(std::span<const ring_member> members) {
  std::size_t count = 0;
  for (const ring_member& each : members)
    count += points_of(each);
  std::vector<point> points;
  points.reserve(count);
  for (std::size_t i = 0; i < members.size(); ++i)
    append_points(members[i], static_cast<std::uint32_t>(i), points);
  return points;
}

// `hashes`: ascending, each once.
std::vector<double> shares_of(std::span<const std::uint64_t> hashes,
                              std::span<const std::uint32_t> owners, std::size_t members) {
  std::vector<double> shares(members);
  if (hashes.size() == 1) shares[owners.front()] = 1;
  if (hashes.size() <= 1) return shares;
  std::uint64_t before = hashes.back();
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    // Unsigned, so that the first point's stretch, which wraps, comes out right.
    shares[owners[i]] += static_cast<double>(hashes[i] - before) / 0x1p64;
    before = hashes[i];
  }
  return shares;
}

}  // namespace

std::uint64_t ring_hash_of(std::string_view key) noexcept {
  return XXH64(key.data(), key.size(), 0);
}

hash_ring::hash_ring(std::span<const ring_member> members) {
  const std::vector<point> unsorted = points_of(members);
  bucket_bits_ = bucket_bits_for(unsorted.size());
  starts_.resize((std::size_t{1} << bucket_bits_) + 1);
  for (const point& each : unsorted)
    ++starts_[bucket_of(each.hash) + 1];
  std::partial_sum(starts_.begin(), starts_.end(), starts_.begin());

  // Into their buckets first, and then each bucket for itself: a fifth of what sorting all costs.
  std::vector<point> points(unsorted.size());
  std::vector<std::uint32_t> next = starts_;
  for (const point& each : unsorted)
    points[next[bucket_of(each.hash)]++] = each;
  // Equal points: the smaller name first, the others never reached.
  const auto is_before = [&](const point& a, const point& b) {
    if (a.hash != b.hash) return a.hash < b.hash;
    return members[a.member].name < members[b.member].name;
  };
  hashes_.reserve(points.size());
  members_.reserve(points.size());
  for (std::size_t bucket = 0; bucket + 1 < starts_.size(); ++bucket) {
    const auto first = points.begin() + starts_[bucket];
    const auto last = points.begin() + starts_[bucket + 1];
    std::sort(first, last, is_before);
    starts_[bucket] = static_cast<std::uint32_t>(hashes_.size());
    for (const point& each : std::span(first, last)) {
      if (!hashes_.empty() && hashes_.back() == each.hash) continue;
      hashes_.push_back(each.hash);
      members_.push_back(each.member);
    }
  }
  starts_.back() = static_cast<std::uint32_t>(hashes_.size());
  shares_ = shares_of(hashes_, members_, members.size());
}

std::size_t hash_ring::bucket_of(std::uint64_t hash) const {
  // In two steps: a shift by 64 is no shift at all.
  return static_cast<std::size_t>(hash >> 1 >> (63 - bucket_bits_));
}

std::size_t hash_ring::owner_of(std::uint64_t ring_hash) const {
  if (hashes_.empty()) return no_member;
  const std::size_t bucket = bucket_of(ring_hash);
  const auto first = hashes_.begin() + starts_[bucket];
  const auto last = hashes_.begin() + starts_[bucket + 1];
  // Above all of its bucket it belongs to the first of the next ones, which begins where this ends.
  const auto found = std::lower_bound(first, last, ring_hash);
  return members_[found == hashes_.end() ? 0 : static_cast<std::size_t>(found - hashes_.begin())];
}

}  // namespace presenter::shard_router
