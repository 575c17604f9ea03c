// The consistent-hash ring, exactly as README.md defines it, so that any language computes the same
// owner: 16·weight points xxh64(name + "#" + i) per backend, and a key belongs to the first point
// at or above xxh64(key), wrapping.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/export.hpp"

namespace presenter::shard_router {

// Where on the ring a key lies: all that is needed to find its owner, on any map.
PRESENTER_EXPORT std::uint64_t ring_hash_of(std::string_view key) noexcept;

struct ring_member {
  std::string_view name;
  std::int64_t weight;  // limits::weight_min … weight_max
};

// Immutable once built; any thread may look up. Members are known by their index in what it was
// built from. Bounds: 16·weight points of 13 to 14 bytes for each member; see limits.hpp.
class PRESENTER_EXPORT hash_ring {
 public:
  static constexpr std::size_t no_member = static_cast<std::size_t>(-1);

  hash_ring() = default;
  explicit hash_ring(std::span<const ring_member> members);

  // The member that owns the key; no_member if the ring is empty.
  std::size_t owner(std::string_view key) const { return owner_of(ring_hash_of(key)); }
  std::size_t owner_of(std::uint64_t ring_hash) const;

  // The part of all keys that a member owns, 0 … 1.
  double share(std::size_t member) const { return shares_[member]; }

  std::size_t points() const { return hashes_.size(); }

 private:
  std::size_t bucket_of(std::uint64_t hash) const;

  // Beside each other rather than together: a look-up searches densely packed hashes.
  std::vector<std::uint64_t> hashes_;  // ascending, each once
  std::vector<std::uint32_t> members_;
  // Hashes are spread evenly, so their uppermost bits say where to look: buckets of some four
  // points, by the index of their first, and behind the last one the number of points.
  std::vector<std::uint32_t> starts_;
  unsigned bucket_bits_ = 0;
  std::vector<double> shares_;  // by member
};

}  // namespace presenter::shard_router
