#include "shard_router/ownership.hpp"

#include <utility>

namespace presenter::shard_router {

ownership::ownership(std::string name, std::string instance, std::chrono::milliseconds settle)
    : name_(std::move(name)), instance_(std::move(instance)), settle_(settle) {}

void ownership::set_map(shard_map_ptr map, clock::time_point now) {
  reigns_.push_back({std::move(map), now});
  if (reigns_.size() > maps_max) reigns_.pop_front();
  forget_settled(now);
}

owner_answer ownership::ask(std::string_view key, std::int64_t map_epoch, clock::time_point now) {
  // A map older than the gateway's can neither promise nor deny.
  if (reigns_.empty() || epoch() < map_epoch) return {owner_verdict::wait, epoch()};
  if (!owns(key)) return {owner_verdict::not_own, epoch()};
  forget_settled(now);
  const auto settled_at = own_since(key) + settle_;
  if (now < settled_at) return {owner_verdict::wait, epoch(), settled_at};
  return {owner_verdict::own, epoch()};
}

bool ownership::owns(std::string_view key) const {
  return !reigns_.empty() && owns_by(*reigns_.back().map, key);
}

std::int64_t ownership::epoch() const {
  return reigns_.empty() ? 0 : reigns_.back().map->epoch();
}

bool ownership::owns_by(const shard_map& map, std::string_view key) const {
  const backend_entry* owner = map.owner(key);
  return owner != nullptr && owner->name == name_ &&
         (instance_.empty() || owner->instance == instance_);
}

// The key is ours by the map in force.
ownership::clock::time_point ownership::own_since(std::string_view key) const {
  auto since = reigns_.back().since;
  for (auto earlier = reigns_.rbegin() + 1; earlier != reigns_.rend(); ++earlier) {
    if (!owns_by(*earlier->map, key)) break;
    since = earlier->since;
  }
  return since;
}

// A map whose successor has settled decides nothing any more.
void ownership::forget_settled(clock::time_point now) {
  while (reigns_.size() > 1 && reigns_[1].since + settle_ <= now)
    reigns_.pop_front();
}

}  // namespace presenter::shard_router
