#include "shard_router/router.hpp"

#include <utility>

namespace presenter::shard_router {

void router::publish(shard_map_ptr map) {
  current_ = std::move(map);
  // Over ids, not iterators: a callback may subscribe or unsubscribe.
  const subscription last = last_id_;
  for (auto next = subscribers_.begin(); next != subscribers_.end() && next->first <= last;) {
    const subscription id = next->first;
    const callback on_map = next->second;
    on_map(current_);
    next = subscribers_.upper_bound(id);
  }
}

router::subscription router::subscribe(callback on_map) {
  const subscription id = ++last_id_;
  const auto added = subscribers_.emplace(id, std::move(on_map)).first;
  if (current_ != nullptr) {
    const callback call = added->second;
    call(current_);
  }
  return id;
}

void router::unsubscribe(subscription id) {
  subscribers_.erase(id);
}

}  // namespace presenter::shard_router
