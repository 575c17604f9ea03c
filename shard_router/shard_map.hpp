// One state of the fleet of backends, immutable: which there are and which owns which key.
// Snapshots are shared between threads and replaced as a whole.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/export.hpp"
#include "shard_router/backend_entry.hpp"
#include "shard_router/hash_ring.hpp"
#include "shard_router/limits.hpp"

namespace presenter::shard_router {

// Of all of them together, whatever their state.
PRESENTER_EXPORT std::int64_t weight_of(std::span<const backend_entry> backends) noexcept;

// The same process at the same place, whatever its weight and state.
PRESENTER_EXPORT bool is_same_process(const backend_entry& a, const backend_entry& b) noexcept;

// Life: by shared_ptr, from the source to the last user that routes by it. Any thread may read.
// Bounds: limits::backends_max, limits::weights_total_max.
class PRESENTER_EXPORT shard_map {
 public:
  // Names are unique; whoever builds it has checked limits.
  shard_map(std::int64_t epoch, std::vector<backend_entry> backends);

  // Version of the map: larger is newer. 0 for a map file. README.md, Epoch.
  std::int64_t epoch() const { return epoch_; }

  // In the order of their names.
  const std::vector<backend_entry>& backends() const { return backends_; }

  // Those on the ring. 0: no key has an owner.
  std::size_t backends_up() const { return on_ring_.size(); }

  // nullptr: no backend of this name.
  const backend_entry* find(std::string_view name) const;

  // nullptr: no backend is up.
  const backend_entry* owner(std::string_view key) const { return owner_of(ring_hash_of(key)); }
  const backend_entry* owner_of(std::uint64_t ring_hash) const;

  // The part of all keys that the backend owns, 0 … 1.
  double share(std::string_view name) const;

 private:
  std::int64_t epoch_;
  std::vector<backend_entry> backends_;
  std::vector<std::size_t> on_ring_;  // ring member → index of backends_
  hash_ring ring_;
};

using shard_map_ptr = std::shared_ptr<const shard_map>;

}  // namespace presenter::shard_router
