// Holds the map in force and tells whoever routes by it when there is a newer one. Sources (a map
// file, zk_watcher) publish; the gateway's server and a backend subscribe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>

#include "shard_router/shard_map.hpp"

namespace presenter::shard_router {

// Life: longer than its sources and subscribers.
// Confined to: one thread, the control thread. Subscribers are called on it, inside publish();
//   they post the snapshot to the threads that route, and return.
class router {
 public:
  using callback = std::function<void(const shard_map_ptr&)>;
  using subscription = std::uint64_t;

  // nullptr until the first map.
  const shard_map_ptr& current() const { return current_; }

  // Every subscriber is called once, in the order of subscribing; those that unsubscribe meanwhile
  // are not called. Publishing from inside a callback is not allowed.
  void publish(shard_map_ptr map);

  // Called at once with the map in force, if there is one, and then with each newer.
  subscription subscribe(callback on_map);
  void unsubscribe(subscription id);

 private:
  shard_map_ptr current_;
  subscription last_id_ = 0;
  std::map<subscription, callback> subscribers_;
};

}  // namespace presenter::shard_router
