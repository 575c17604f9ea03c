#include "shard_router/router.hpp"

#include <utility>

namespace presenter::shard_router {

void router::publish(shard_map_ptr map) {
  current_ = std::move(map);
  // Who subscribes inside a callback has been told already.
  for (std::size_t i = 0, count = subscribers_.size(); i < count; ++i)
    subscribers_[i](current_);
}

void router::subscribe(callback on_map) {
  const callback& added = subscribers_.emplace_back(std::move(on_map));
  if (current_ != nullptr) added(current_);
}

}  // namespace presenter::shard_router
