#include "shard_router/map_guard.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace presenter::shard_router {

map_guard::verdict map_guard::offer(const shard_map* in_force, const shard_map& read,
                                    clock::time_point now) {
  if (in_force != nullptr) note_missing(*in_force, read, now);
  if (read.backends_up() == 0) {
    is_holding_ = false;
    return verdict::empty;
  }
  const bool was_holding = std::exchange(is_holding_, false);
  if (in_force == nullptr || read.epoch() <= confirmed_epoch_) return verdict::publish;

  std::size_t backends = in_force->backends_up();
  std::vector<clock::time_point> believed_at;
  for (const auto& [name, since] : missing_) {
    if (in_force->find(name) == nullptr) ++backends;
    if (since + hold_ > now) believed_at.push_back(since + hold_);
  }
  if (2 * believed_at.size() <= backends) return verdict::publish;
  // As soon as no more than half are in doubt.
  std::ranges::sort(believed_at);
  release_at_ = believed_at[believed_at.size() - backends / 2 - 1];
  is_holding_ = true;
  return was_holding ? verdict::still_held : verdict::hold;
}

void map_guard::note_missing(const shard_map& in_force, const shard_map& read,
                             clock::time_point now) {
  if (std::exchange(is_forgotten_, false)) {
    is_holding_ = false;
    for (auto& [name, since] : missing_)
      since = now;
  }
  for (const backend_entry& each : in_force.backends()) {
    if (each.state == backend_state::draining) continue;
    if (read.find(each.name) == nullptr) missing_.try_emplace(each.name, now);
  }
  std::erase_if(missing_, [&](const auto& entry) {
    const bool is_over = entry.second + hold_ <= now && in_force.find(entry.first) == nullptr;
    return is_over || read.find(entry.first) != nullptr;
  });
}

}  // namespace presenter::shard_router
