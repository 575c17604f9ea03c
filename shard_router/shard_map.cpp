#include "shard_router/shard_map.hpp"

#include <algorithm>
#include <utility>

namespace presenter::shard_router {

std::string_view name_of(backend_state state) noexcept {
  return state == backend_state::up ? "up" : "draining";
}

std::int64_t weight_of(std::span<const backend_entry> backends) noexcept {
  std::int64_t total = 0;
  for (const backend_entry& each : backends)
    total += each.weight;
  return total;
}

bool is_same_process(const backend_entry& a, const backend_entry& b) noexcept {
  return a.port == b.port && a.name == b.name && a.host == b.host && a.instance == b.instance;
}

shard_map::shard_map(std::int64_t epoch, std::vector<backend_entry> backends)
    : epoch_(epoch), backends_(std::move(backends)) {
  std::ranges::sort(backends_, {}, &backend_entry::name);
  std::vector<ring_member> members;
  for (std::size_t i = 0; i < backends_.size(); ++i) {
    if (backends_[i].state != backend_state::up) continue;
    on_ring_.push_back(i);
    members.push_back({backends_[i].name, backends_[i].weight});
  }
  ring_ = hash_ring(members);
}

const backend_entry* shard_map::find(std::string_view name) const {
  const auto found = std::ranges::lower_bound(backends_, name, {}, &backend_entry::name);
  return found != backends_.end() && found->name == name ? &*found : nullptr;
}

const backend_entry* shard_map::owner_of(std::uint64_t ring_hash) const {
  const std::size_t member = ring_.owner_of(ring_hash);
  return member == hash_ring::no_member ? nullptr : &backends_[on_ring_[member]];
}

double shard_map::share(std::string_view name) const {
  const auto name_at = [this](std::size_t index) {
    return std::string_view(backends_[index].name);
  };
  const auto found = std::ranges::lower_bound(on_ring_, name, {}, name_at);
  if (found == on_ring_.end() || name_at(*found) != name) return 0;
  return ring_.share(static_cast<std::size_t>(found - on_ring_.begin()));
}

}  // namespace presenter::shard_router
