// Keeps the fleet from vanishing by mistake: says whether a map that was read may be published, or
// lacks so many backends that it is more likely ZooKeeper, or somebody's script, that is ill.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "shard_router/shard_map.hpp"

namespace presenter::shard_router {

// Pure: the clock is passed in. Backends that went within `hold` count together, whether they went
// in one map or in ten: sessions of one failure expire one after another. Those that were draining
// have gone as announced and do not count. See: README.md §3.
class map_guard {
 public:
  using clock = std::chrono::steady_clock;

  enum class verdict {
    publish,
    hold,        // lacks more than half of the backends; the last map stays
    still_held,  // as it was when the map before this was offered
    empty,       // nobody is up: never published, not even as the first map
  };

  // `hold`: how long a backend must be missing until that is believed. 0: at once.
  explicit map_guard(std::chrono::milliseconds hold) : hold_(hold) {}

  // `in_force` nullptr: there is none yet, and any map with somebody up is published.
  verdict offer(const shard_map* in_force, const shard_map& read, clock::time_point now);

  // An operator says that maps of this epoch and older are meant as they are. An empty one is not
  // published even so.
  void confirm(std::int64_t epoch) { confirmed_epoch_ = epoch; }

  // While ZooKeeper is away nothing is believed: every missing backend's time begins anew.
  void forget_hold() { is_forgotten_ = true; }

  // When to offer the held map again: by then enough missing backends are believed to be gone.
  clock::time_point release_at() const { return release_at_; }

 private:
  void note_missing(const shard_map& in_force, const shard_map& read, clock::time_point now);

  const std::chrono::milliseconds hold_;
  // Which backends are missing and since when: those of the map in force, and those that left it
  // within `hold_`.
  std::map<std::string, clock::time_point, std::less<>> missing_;
  bool is_holding_ = false;
  bool is_forgotten_ = false;
  std::int64_t confirmed_epoch_ = -1;
  clock::time_point release_at_{};
};

}  // namespace presenter::shard_router
