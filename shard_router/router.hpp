// Holds the map in force and tells whoever routes by it when there is a newer one. Sources (a map
// file, zk_watcher) publish; the gateway's server and a backend subscribe.
#pragma once

#include <deque>
#include <functional>

#include "shard_router/shard_map.hpp"

namespace presenter::shard_router {

// Life: longer than its sources and subscribers.
// Confined to: one thread, the control thread. Subscribers are called on it, inside publish();
//   they post the snapshot to the threads that route, and return.
class router {
 public:
  using callback = std::function<void(const shard_map_ptr&)>;

  // nullptr until the first map.
  const shard_map_ptr& current() const { return current_; }

  // Every subscriber is called once, in the order of subscribing. Publishing from inside a callback
  // is not allowed.
  void publish(shard_map_ptr map);

  // Called at once with the map in force, if there is one, and then with each newer.
  void subscribe(callback on_map);

 private:
  shard_map_ptr current_;
  std::deque<callback> subscribers_;  // where each stays in its place while others come
};

}  // namespace presenter::shard_router
